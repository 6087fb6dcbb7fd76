"""A client's connection that nothing waits for without end: not for its first bytes, not for its body, not for its reading."""

import errno
import re
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

SLOWEST = 10_000  # bytes a second: for every so many that came or went, a client is given another second
SMALL = 65_536  # bytes: requests up to this size are gathered without a thread
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{0,12})", re.IGNORECASE)
_LATE = re.compile(rb"\r\n(?:transfer-encoding:|expect:|content-type:[ \t]*application/x-ndjson)", re.IGNORECASE)


class ClientSocket(socket.socket):
    """A socket whose writes end: with `BrokenPipeError` where the client does not read them.

    While it is held, it waits for nothing: what is sent is kept, and nothing can be read.
    """

    def __init__(self, accepted: socket.socket, patience: float):
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.patience = patience
        self.held: bytearray | None = None

    def let_go(self) -> bytearray:
        """Hold no longer, and send as much of what was kept as goes at once. Returns the rest. Raises `OSError`."""
        kept, self.held = self.held or bytearray(), None
        with suppress(BlockingIOError):
            del kept[: self.send(kept)]
        return kept

    def setblocking(self, flag: bool, /) -> None:
        """As every socket's, but not while it is held."""
        if self.held is None:
            super().setblocking(flag)

    def settimeout(self, value: float | None, /) -> None:
        """As every socket's, but not while it is held."""
        if self.held is None:
            super().settimeout(value)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of it in `patience` seconds and one for every `SLOWEST` bytes."""
        if self.held is not None:
            self.held += data
            return
        self.settimeout(self.patience + len(data) / SLOWEST)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the client does not read its answer") from None


class Unreader(SocketUnreader):  # type: ignore[misc]
    """Reads a request, all in all waiting no longer than `patience` seconds and one for every `SLOWEST` bytes that came."""

    def __init__(self, sock: ClientSocket):
        super().__init__(sock)
        self.restart()

    def restart(self) -> None:
        """A new request begins."""
        self._left = self.sock.patience
        self.idle: float | None = None  # seconds that each read of a stream may wait

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes. Raises `TimeoutError`, and `ConnectionResetError` for more than was gathered of a held socket."""
        if self.sock.held is not None:
            raise ConnectionResetError(errno.ECONNRESET, "the request is longer than it says")
        began = time.monotonic()
        self.sock.settimeout(max(self._left, 0.001) if self.idle is None else self.idle)
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TimeoutError(errno.ECONNRESET, "the body comes too slowly") from None
        self._left += len(data) / SLOWEST - (time.monotonic() - began)
        return data


class RequestBody(Body):  # type: ignore[misc]
    """A body that is whole or an error, and that is asked for only when somebody reads it.

    A connection on which a large body was left unread is closed, and the answer says so: where the next request would start
    is too far away.
    """

    def __init__(self, connection: "Connection", request: Any):
        super().__init__(request.body.reader)
        self._connection = connection
        self._request = request
        self._is_awaited = request._expected_100_continue
        request._expected_100_continue = False  # it is sent with the first read, so that a refused upload never comes
        self._closes_anyhow = request.must_close
        request.must_close = request.must_close or not (connection.is_whole or self._is_read())

    def await_each(self, seconds: float) -> None:
        """From here on each read may wait so long: a stream's client sends when it has something."""
        self._begin()
        self._connection.parser.unreader.idle = seconds

    def _begin(self) -> None:
        if self._is_awaited:
            self._is_awaited = False
            self._connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def read(self, size: int | None = None) -> bytes:
        """The next bytes, all that there are where no `size` is given."""
        if self._is_read() and not self.buf.tell():
            return b""  # as would come of asking on, which is done four times a request
        data: bytes = super().read(size)
        return data

    def _read_reader(self, size: int) -> bytes:
        self._begin()
        wanted = min(size, self.reader.length) if isinstance(self.reader, LengthReader) else 0
        try:
            data: bytes = super()._read_reader(size)
        except ParseException:
            raise ConnectionResetError(errno.ECONNRESET, "the body's chunks are malformed") from None
        if len(data) < wanted:
            self.failed = True
            raise ConnectionResetError(errno.ECONNRESET, "the body ended early")
        if self._is_read():
            self._request.must_close = self._closes_anyhow
        return data

    def _is_read(self) -> bool:
        if isinstance(self.reader, LengthReader):
            return bool(self.reader.length == 0)
        return self.reader.parser is None


class Connection(TConn):  # type: ignore[misc]
    """A connection that gathers a small request before a thread is given to it."""

    def __init__(self, cfg: Any, accepted: socket.socket, client: Any, patience: float):
        sock = ClientSocket(accepted, patience)
        super().__init__(cfg, sock, client, sock.getsockname())
        self.data_ready = True  # a thread is given to it only when it is
        self.gathered = bytearray()
        self.is_whole = False  # whether all of the request had come when a thread took it

    def gather(self) -> bool:
        """Read what has come, and say whether a thread can take over. Raises `EOFError` and `OSError`."""
        while not self._is_enough():
            try:
                data = self.sock.recv(SMALL)
            except BlockingIOError:
                return False
            if not data:
                raise EOFError
            self.gathered += data
        return True

    def _is_enough(self) -> bool:
        """Whether the request is here or will not be gathered. A hint: what a request is, its parser alone decides."""
        data = self.gathered
        end = data.find(b"\r\n\r\n") + 2
        self.is_whole = False
        if end > 1:
            head = data[:end]
            length = _LENGTH.search(head)
            n_body = int(length[1] or 0) if length else 0
            self.is_whole = not _LATE.search(head) and len(data) >= end + 2 + n_body
            return self.is_whole or n_body > SMALL or _LATE.search(head) is not None
        return len(data) > SMALL or data.count(b"\n") != data.count(b"\r\n")

    def init(self) -> None:
        """Hand what was gathered to the parser."""
        if not self.initialized:
            super().init()
            self.parser.unreader = Unreader(self.sock)
        unreader = self.parser.unreader
        unreader.restart()
        unreader.unread(bytes(self.gathered))
        self.gathered.clear()
