"""The process that answers requests: gunicorn's threaded worker, made safe against slow clients and able to change its model.

gunicorn gives a thread to each connection as it comes and closes connections in its main loop, waiting for the client: a few
slow clients would hold all of it. Here the main loop gathers small requests and sees closed connections off; threads get what
is ready. Large bodies and streams are read by threads, but never by more than half of them. The smallest requests to classify
are answered in the loop itself: to hand one over and back takes longer than to answer it.
"""

import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from types import FrameType
from typing import Any

import structlog
from flask import g
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from service.balance import Share
from service.connection import SMALL, Connection, RequestBody
from service.metrics import metrics
from service.problems import Problem
from service.reload import reloader
from service.wire import new_request_id

log = structlog.get_logger()
QUICK = 16_384  # bytes: a request to classify of up to this size is answered in the loop, within a few milliseconds
LINGER = 2.0  # seconds that a client is given to read its last answer
_STATUSES = {LimitRequestLine: 414, LimitRequestHeaders: 431, ExpectationFailed: 417, UnsupportedTransferCoding: 501}


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers requests with threads, none of which waits for a client that has not said what it wants."""

    alive: bool

    def __init__(self, *args: Any, share: Share):
        super().__init__(*args)
        self.share = share
        self._lingering: deque[Connection] = deque()  # closed by us, read until the client closes too
        self._notify_at = 0.0
        self._n_unfinished = 0  # requests with threads that had not come whole

    def init_signals(self) -> None:
        """Take signals, SIGHUP to look for another model at once; the master has held them back until here."""
        super().init_signals()
        signal.signal(signal.SIGHUP, self._handle_hup)
        signal.siginterrupt(signal.SIGHUP, False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.SIGNALS)

    def load_wsgi(self) -> None:
        """Take the app from the master."""
        super().load_wsgi()
        self.share.note(0)
        settings = self.wsgi.config["WIRETAG_SETTINGS"]
        self._patience: float = settings.read_seconds
        self._quick = 0 if settings.redis else QUICK  # the loop does not wait for Redis

    def _handle_hup(self, _number: int, _frame: FrameType | None) -> None:
        if self.booted:
            reloader(self.wsgi).wake()

    # Connections: accepted, gathered, worked on, kept or seen off. `pending_conns` and `keepalived_conns` are gunicorn's.

    def accept(self, listener: Any) -> bool:
        """Take a connection into the loop, if there is one."""
        if self.alive and self.share.leaves_to_others(self.nr_conns):
            return False
        try:
            sock, address = listener.accept()
        except OSError:
            return False  # another worker has taken it, or the client is gone
        self.nr_conns += 1
        conn = Connection(self.cfg, sock, address, self._patience)
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_readable, conn))
        self.share.note(self.nr_conns)
        self._expect(conn)
        self._on_readable(conn)  # a request often comes with its connection
        return True

    def _expect(self, conn: Connection) -> None:
        """Give a connection its time to send a request; it is in the poller."""
        conn.timeout = time.monotonic() + self._patience
        self.pending_conns.append(conn)

    def _on_readable(self, conn: Connection, _sock: Any = None, is_next: bool = False) -> None:
        """Gather what came and have it answered when it is ready; by a thread if it `is_next` to one answered just now."""
        if conn in self.keepalived_conns:
            self.keepalived_conns.remove(conn)
            self._expect(conn)
        try:
            is_ready = conn.gather()
        except (EOFError, OSError):
            self._forget(conn)
            self._drop(conn)
            return
        if not is_ready:
            return
        if not is_next and self._is_quick(conn):
            self._answer_here(conn)
            return
        self._forget(conn)
        self._dispatch(conn)

    def _is_quick(self, conn: Connection) -> bool:
        return (
            conn.is_whole
            and len(conn.gathered) <= self._quick
            and conn.gathered.startswith(b"POST /classify")
            and self.wsgi.extensions["wiretag_turns"].is_free()
        )

    def _answer_here(self, conn: Connection) -> None:
        """Answer in the loop; a thread sends what the client does not take at once."""
        conn.sock.held = bytearray()
        is_kept = self.handle(conn) is True
        try:
            rest = conn.sock.let_go()
        except OSError:
            rest, is_kept = bytearray(), False
        if is_kept and not rest:
            self.pending_conns.remove(conn)  # it stays in the poller
            self._await_next(conn, is_next=True)
            return
        self._forget(conn)
        if rest:
            self._submit(conn, partial(self._send, conn, rest, is_kept))
        else:
            self._finish(conn, is_kept=False)

    def _send(self, conn: Connection, rest: bytearray, is_kept: bool) -> bool:
        conn.sock.sendall(rest)
        return is_kept

    def enqueue_req(self, conn: Connection) -> None:
        """Have a thread answer."""
        self._submit(conn, partial(self.handle, conn))

    def _submit(self, conn: Connection, work: Callable[[], Any]) -> None:
        self.tpool.submit(work).add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _forget(self, conn: Connection) -> None:
        self.pending_conns.remove(conn)
        self.poller.unregister(conn.sock)

    def _dispatch(self, conn: Connection) -> None:
        if not conn.is_whole:
            if self._n_unfinished >= self.cfg.threads // 2:
                metrics.shed("uploads")
                self._answer(conn, Problem(503, "too many large bodies at once", headers={"Retry-After": "1"}, kind="busy"))
                return
            self._n_unfinished += 1
        self.enqueue_req(conn)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """A thread is done with a request: keep the connection, or see it off."""
        self._n_unfinished -= not conn.is_whole
        self._finish(conn, not fs.cancelled() and fs.exception() is None and fs.result() is True)

    def _finish(self, conn: Connection, is_kept: bool) -> None:
        try:
            conn.sock.setblocking(False)
            if not is_kept:
                self._see_off(conn)
                return
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_readable, conn))
            self._await_next(conn, is_next=False)
        except Exception:  # as in gunicorn: whatever it is, this connection is over and the loop goes on
            self._drop(conn)

    def _await_next(self, conn: Connection, is_next: bool) -> None:
        """Keep a connection for its next request, which may be there; it is in the poller."""
        conn.gathered += conn.parser.unreader.take_buffered()  # sent without waiting for the answer
        if conn.gathered:
            self._expect(conn)
            self._on_readable(conn, is_next=is_next)
            return
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)

    def _see_off(self, conn: Connection) -> None:
        """Close our side and read what the client still sends, so that its kernel does not throw our answer away."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_lingering, conn))
        except OSError:
            self._drop(conn)
            return
        conn.timeout = time.monotonic() + LINGER
        self._lingering.append(conn)
        self._on_lingering(conn)

    def _on_lingering(self, conn: Connection, _sock: Any = None) -> None:
        try:
            if conn.sock.recv(SMALL):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._lingering.remove(conn)
        self.poller.unregister(conn.sock)
        self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close what took too long: 408 for a request half sent, silence for none."""
        now = time.monotonic()
        while self.pending_conns and self.pending_conns[0].timeout <= now:
            conn = self.pending_conns[0]
            self._forget(conn)
            if conn.gathered:
                metrics.shed("slow")
                self._answer(conn, Problem(408, f"the request did not come within {self._patience:g} seconds"))
            else:
                self._drop(conn)
        while self._lingering and self._lingering[0].timeout <= now:
            conn = self._lingering.popleft()
            self.poller.unregister(conn.sock)
            self._drop(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of the loop."""
        super().wait_for_and_dispatch_events(timeout)
        self.share.note(self.nr_conns)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close idle connections whose time is over, and the longest idle where new ones find no room."""
        if self.nr_conns >= self.worker_connections and self.keepalived_conns:
            self.keepalived_conns[0].timeout = 0.0
        super().murder_keepalived(force)

    # Stopping

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept or not. A worker that stops takes in what the kernel has already accepted for it, then refuses the rest."""
        super().set_accept_enabled(enabled)
        while not self.alive and self.sockets:
            listener = self.sockets.pop()
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass
            listener.close()

    def notify(self) -> None:
        """Tell the master that this worker lives, once a second; gunicorn does at every turn of the loop."""
        if (now := time.monotonic()) >= self._notify_at:
            self._notify_at = now + 1.0
            super().notify()

    def is_parent_alive(self) -> bool:
        """Whether the master lives; without it a worker stops as if asked to, and frees the address for the next."""
        self.alive = self.alive and super().is_parent_alive()
        return bool(self.alive)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.gathered:
                conn.timeout = min(conn.timeout, deadline)

    # Requests, in a thread

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer one request."""
        req.body = RequestBody(conn, req)
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what never reached the app, with no word of it in the answer or the log."""
        if isinstance(exc, ParseException):
            status = next((status for kind, status in _STATUSES.items() if isinstance(exc, kind)), 400)
            kind = "malformed-request" if status == 400 else "not-http"
            problem = Problem(status, f"not HTTP as this server reads it ({type(exc).__name__})", kind=kind)
        else:
            problem = Problem(500, "an error of ours; the log has its place under this instance")
        with suppress(OSError):  # it does not listen any more
            client.sendall(self._message(problem, type(exc).__name__))

    def _answer(self, conn: Connection, problem: Problem) -> None:
        """Answer from the main loop, which must not wait, and close."""
        with suppress(OSError):  # it does not listen any more
            conn.sock.send(self._message(problem, "refused"))
        self._see_off(conn)

    def _message(self, problem: Problem, error: str) -> bytes:
        request_id = new_request_id()
        with self.wsgi.app_context():
            g.request_id = request_id
            response = problem.response()
        log.info("request_refused", id=request_id, status=problem.status, error=error)
        headers = {**response.headers, "Connection": "close", "X-Request-ID": request_id}
        lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1") + response.get_data()
