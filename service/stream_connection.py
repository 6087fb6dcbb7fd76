"""The connection beneath a request, where gunicorn shows it: what has arrived so far, and whether the client takes more.

WSGI alone tells neither: `wsgi.input.read(n)` waits for n bytes, and what is yielded is written however long that takes.
"""

import errno
import select
import ssl
from collections.abc import Mapping
from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ParseException

PIECE = 4096  # bytes; a TCP socket that takes any takes as many
_MOST = 1 << 20  # bytes read at a time
_BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Connection:
    """A client's connection while its body is read piece by piece and the answer written meanwhile.

    `idle` is how many seconds may pass without a byte either way.
    """

    def __init__(self, environ: Mapping[str, Any], idle: float):
        self._body = environ["wsgi.input"]
        self._reader = self._body.reader
        self._has_length = isinstance(self._reader, LengthReader)
        self._socket = environ["gunicorn.socket"]
        self._body.await_each(idle)
        self._idle_ms = idle * 1000
        self._poll = select.poll()

    @staticmethod
    def is_beneath(environ: Mapping[str, Any]) -> bool:
        """Whether the server shows the connection of this request."""
        reader = getattr(environ["wsgi.input"], "reader", None)
        socket = environ.get("gunicorn.socket")
        return isinstance(reader, LengthReader | ChunkedReader) and socket is not None and not isinstance(socket, ssl.SSLSocket)

    def arrived(self) -> bytes:
        """What has arrived of the body, after waiting for its next byte; b"" at its end.

        Raises `TimeoutError` when none comes, and `ConnectionResetError` for a body that breaks off or is no HTTP.
        """
        if self._has_length and self._reader.length == 0:
            return b""
        try:
            piece: bytes = self._reader.read(1)  # makes the reader take all there is; the rest of that is had without waiting
            holder = self._reader.unreader if self._has_length else self._reader
            piece += self._reader.read(min(holder.buf.getbuffer().nbytes, _MOST))
        except TimeoutError:
            self._body.failed = True
            raise
        except (OSError, ParseException):
            raise self._cut("the body broke off") from None
        if self._has_length and not piece:
            raise self._cut("the body broke off")
        return piece

    def takes(self, wait: bool = False, or_sends: bool = False) -> bool:
        """Whether the client takes a `PIECE`: now, or after a wait for that; `or_sends` ends the wait when it sends something.

        Raises `ConnectionResetError` when it is gone, or when the wait was in vain.
        """
        self._poll.register(self._socket, select.POLLOUT | (select.POLLIN if or_sends else 0))
        ready = sum(events for _, events in self._poll.poll(self._idle_ms if wait else 0))
        if ready & _BROKEN:
            raise self._cut("the client is gone")
        if wait and not ready:
            raise self._cut("the client takes nothing")
        return bool(ready & select.POLLOUT)

    def _cut(self, why: str) -> ConnectionResetError:
        self._body.failed = True  # gunicorn must not look for another request in what is left of this one
        return cut(why)


def cut(why: str) -> ConnectionResetError:
    """The error that ends a connection, and its answer unfinished: gunicorn logs none of this kind."""
    return ConnectionResetError(errno.ECONNRESET, why)
