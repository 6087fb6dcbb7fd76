"""The real server against clients that are slow, careless or hostile, over bare sockets."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.running import Running, running, wait_until

TEXT = b'{"text": "The Treasury imposed sanctions on the bank."}'
READ_SECONDS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker with few threads, so that what one client holds the next one misses."""
    log = tmp_path_factory.mktemp("wire") / "log"
    with running(log, "--workers", "1", threads="6", concurrency="2", read_seconds=str(READ_SECONDS)) as started:
        yield started


def _request(body: bytes = TEXT, *headers: bytes, kind: bytes = b"application/json", length: bool = True) -> bytes:
    lines = [b"POST /classify HTTP/1.1", b"Host: desk", b"Content-Type: " + kind, *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def _chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def _send(server: Running, data: bytes, *, half_close: bool = False) -> tuple[list[int], bytes, bool]:
    """Statuses of the answers to some bytes, all of the answers, and whether the server closed the connection."""
    with server.connect() as sock:
        sock.sendall(data)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        answer, closed = b"", False
        sock.settimeout(10)
        try:
            while chunk := sock.recv(65536):
                answer += chunk
                sock.settimeout(0.3)
            closed = True
        except TimeoutError:
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)], answer, closed


def _is_fine(server: Running) -> bool:
    return _send(server, _request())[0] == [200]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: desk\r\n\r\n"
REFUSED: dict[str, tuple[bytes, int]] = {
    "length and chunks": (_request(b"0\r\n\r\n" + SMUGGLED, b"Transfer-Encoding: chunked"), 400),
    "two lengths": (_request(TEXT, b"Content-Length: 3"), 400),
    "list of lengths": (_request(TEXT, b"Content-Length: 5, 5", length=False), 400),
    "signed length": (_request(TEXT, b"Content-Length: +5", length=False), 400),
    "length in other digits": (_request(TEXT, b"Content-Length: \xb2", length=False), 400),
    "chunked twice": (_request(_chunked(TEXT), b"Transfer-Encoding: chunked, chunked", length=False), 400),
    "chunked, then something": (_request(_chunked(TEXT), b"Transfer-Encoding: chunked, gzip", length=False), 400),
    "unknown coding": (_request(TEXT, b"Transfer-Encoding: xchunked", length=False), 501),
    "coding after a tab": (_request(TEXT, b"Transfer-Encoding:\x0bchunked", length=False), 400),
    "chunks in HTTP/1.0": (_request(_chunked(TEXT), b"Transfer-Encoding: chunked", length=False).replace(b"1.1", b"1.0"), 400),
    "folded header": (_request(TEXT, b"X-A: b\r\n c"), 400),
    "bare line feeds": (_request().replace(b"\r\n", b"\n"), 400),
    "one bare line feed": (_request(TEXT, b"X-A: b\nX-B: c"), 400),
    "bare carriage return": (_request(TEXT, b"X-A: b\rX-B: c"), 400),
    "space before the colon": (_request(TEXT, b"Content-Length : 3", length=False), 400),
    "NUL": (_request(TEXT, b"X-A: b\x00c"), 400),
    "two hosts": (_request(TEXT, b"Host: other"), 400),
    "not a number in chunks": (_request(b"zz\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=False), 400),
    "negative chunk": (_request(b"-1\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=False), 400),
    "chunk longer than said": (_request(b"3\r\nabcd\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=False), 400),
    "a header as trailer": (
        _request(b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n", b"Transfer-Encoding: chunked", length=False),
        400,
    ),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/9": (b"GET /healthz HTTP/9.9\r\nHost: desk\r\n\r\n", 400),
    "long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: desk\r\n\r\n", 414),
    "long header": (_request(TEXT, b"X-A: " + b"a" * 9000), 431),
    "many headers": (_request(TEXT, *[b"X-A: a"] * 200), 431),
    "endless head": (b"GET /healthz HTTP/1.1\r\nX-A: " + b"a" * 1_500_000, 431),
    "unknown expectation": (_request(TEXT, b"Expect: tea"), 417),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_two_parsers_could_read_in_two_ways_is_refused(server: Running, case: str) -> None:
    """One problem document and a closed connection: nothing behind such a head is ever read as a request."""
    data, status = REFUSED[case]
    statuses, answer, closed = _send(server, data + SMUGGLED)
    assert statuses == [status]
    assert closed
    assert b"application/problem+json" in answer
    assert re.search(rb"X-Request-ID: [0-9a-f]{32}\r\n", answer)
    assert b"onnection: close" in answer
    assert _is_fine(server)
    assert "smuggled" not in server.log.read_text()


def test_nothing_of_a_broken_request_is_logged_or_sent_back(server: Running) -> None:
    """An address may hold a key, a header does: neither comes back nor into the log."""
    for data in (b"GET /x?key=secret-1 HTTP/7.7\r\n\r\n", _request(TEXT, b"secret-2 x: y"), b"secret-3\r\n\r\n"):
        statuses, answer, _ = _send(server, data)
        assert statuses == [400]
        assert b"secret" not in answer
    assert "secret" not in server.log.read_text()


def test_requests_may_follow_without_waiting(server: Running) -> None:
    """Pipelined requests are answered in order, one each, also behind bodies that were not read."""
    statuses, answer, closed = _send(server, _request() * 3 + _request(b"{", b"Content-Encoding: gzip") + _request())
    assert statuses == [200, 200, 200, 415, 200]
    assert not closed
    assert answer.count(b"Sanctions") == 4


def test_chunks_are_read(server: Running) -> None:
    """A body may come in pieces, and the next request follows."""
    data = _request(_chunked(TEXT[:9], TEXT[9:]), b"Transfer-Encoding: chunked", length=False)
    assert _send(server, data + _request())[0] == [200, 200]


def test_head_and_options(server: Running) -> None:
    """HEAD has no body that could be taken for the next answer; OPTIONS names the methods."""
    statuses, answer, _ = _send(server, b"HEAD /topics HTTP/1.1\r\nHost: desk\r\n\r\n" + SMUGGLED)
    assert statuses == [200, 404]
    assert answer.count(b"\r\n\r\n") == 2
    statuses, answer, _ = _send(server, b"OPTIONS /classify HTTP/1.1\r\nHost: desk\r\n\r\n")
    assert statuses == [200]
    assert re.search(rb"Allow: [A-Z, ]*POST", answer)


def test_an_upload_is_asked_for_before_it_comes(server: Running) -> None:
    """`Expect: 100-continue` is answered when the body is wanted, and with the refusal when it is not."""
    statuses, _, closed = _send(server, _request(TEXT, b"Expect: 100-continue") + _request())
    assert (statuses, closed) == ([100, 200, 200], False)
    statuses, _, closed = _send(server, _request(b"", b"Expect: 100-continue") + _request())
    assert (statuses, closed) == ([400, 200], False)  # there is no body to ask for
    head = _request(b"", b"Expect: 100-continue", b"Content-Length: 99000000", length=False)
    statuses, answer, closed = _send(server, head)
    assert (statuses, closed) == ([413], True)
    assert b"onnection: close" in answer


@pytest.mark.parametrize("how", ["length", "chunks"])
def test_a_body_over_the_limit_gets_its_answer(server: Running, how: str) -> None:
    """413, although the client sends all of it before it listens."""
    body = b"x" * 10_100_000
    length = how == "length"
    data = _request(body) if length else _request(_chunked(body), b"Transfer-Encoding: chunked", length=False)
    statuses, _, closed = _send(server, data)
    assert (statuses, closed) == ([413], True)


@pytest.mark.parametrize("data", [_request()[:-9], _request()[:40], _request(TEXT, kind=b"text/plain")[:-9]])
def test_a_request_that_breaks_off_is_no_request(server: Running, data: bytes) -> None:
    """A truncated text is never classified as if it were whole."""
    assert _send(server, data, half_close=True) == ([], b"", True)
    assert _is_fine(server)


def test_a_large_body_that_breaks_off_is_an_error(server: Running) -> None:
    """The same where a thread reads it."""
    statuses, answer, closed = _send(server, _request(b"The sanctions. " * 9000, kind=b"text/plain")[:-9], half_close=True)
    assert (statuses, closed) == ([400], True)
    assert b"broke off" in answer


def test_a_client_may_stop_sending_and_still_listen(server: Running) -> None:
    """A half-closed connection gets its answer."""
    assert _send(server, _request(), half_close=True)[0] == [200]


def _trickle(sock: socket.socket, data: bytes, seconds: float) -> bytes:
    """Send a byte at a time until the server answers or closes, and give what it said."""
    sock.settimeout(0.05)
    deadline = time.monotonic() + seconds
    for byte in data:
        try:
            sock.sendall(bytes([byte]))
            if answer := sock.recv(65536):
                return answer
            return b"closed"
        except TimeoutError:
            assert time.monotonic() < deadline, "the server still waits"
        except OSError:
            return b"closed"
    return b""


@pytest.mark.parametrize("data", [_request(TEXT, b"X-A: " + b"a" * 4000), _request(TEXT + b" " * 4000)], ids=["head", "body"])
def test_a_request_a_byte_at_a_time_is_cut(server: Running, data: bytes) -> None:
    """408 when its time is over, however steadily it comes."""
    with server.connect() as sock:
        began = time.monotonic()
        answer = _trickle(sock, data, READ_SECONDS + 3)
    assert b" 408 " in answer
    assert time.monotonic() - began > READ_SECONDS - 0.1


def test_a_large_body_a_byte_at_a_time_is_cut(server: Running) -> None:
    """The same where a thread reads it: the thread is free again."""
    with server.connect() as sock:
        sock.sendall(_request(b"The sanctions. " * 9000, kind=b"text/plain")[:1000])
        answer = _trickle(sock, b"a" * 4000, READ_SECONDS + 3)
    assert b" 408 " in answer


def test_a_connection_that_says_nothing_is_closed(server: Running) -> None:
    """No answer to no question."""
    with server.connect() as sock:
        assert sock.recv(1) == b""


def test_slow_clients_hold_nobody_up(server: Running) -> None:
    """A hundred clients that send their requests slowly cost others nothing: they hold no thread."""
    slow = [server.connect() for _ in range(100)]
    try:
        for number, sock in enumerate(slow):
            sock.sendall(_request()[: number + 1])
        began = time.monotonic()
        for _ in range(3):
            assert _is_fine(server)
        assert time.monotonic() - began < READ_SECONDS
    finally:
        for sock in slow:
            sock.close()


def test_slow_uploads_leave_room_for_others(server: Running) -> None:
    """Large bodies hold at most half of the threads; more of them are told so, small requests are served."""
    slow = [server.connect() for _ in range(5)]
    try:
        for sock in slow:
            sock.sendall(_request(b"The sanctions. " * 9000, kind=b"text/plain")[:1000])
        assert _is_fine(server)
        answers = []
        for sock in slow:
            sock.settimeout(0.3)
            try:
                answers.append(sock.recv(100)[:12])
            except TimeoutError:
                answers.append(b"")
        assert sorted(answers) == [b"", b"", b"", *[b"HTTP/1.1 503"] * 2]
    finally:
        for sock in slow:
            sock.close()
    wait_until(lambda: _send(server, _request(b"The sanctions. " * 9000, kind=b"text/plain"))[0] == [200])


def test_clients_that_never_hang_up_hold_nobody_up(server: Running) -> None:
    """A client that asks for `Connection: close` and keeps its side open costs no time of others."""
    lazy = []
    try:
        for _ in range(20):
            lazy.append(server.connect())
            lazy[-1].sendall(_request(TEXT, b"Connection: close"))
        began = time.monotonic()
        assert _is_fine(server)
        assert time.monotonic() - began < 1.9
    finally:
        for sock in lazy:
            sock.close()


def test_answers_that_nobody_reads_are_given_up(tmp_path: Path) -> None:
    """Clients that ask and do not listen are cut, and the threads that they held serve others."""
    asked = _request(TEXT.replace(b"The", b"The " * 900))
    with running(tmp_path / "log", "--workers", "1", threads="2", concurrency="1", read_seconds="1") as server:
        deaf = [socket.socket() for _ in range(4)]
        try:
            for sock in deaf:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.connect(("127.0.0.1", server.port))
                sock.settimeout(0.5)
                with suppress(TimeoutError):
                    for _ in range(3000):
                        sock.sendall(asked)
            wait_until(lambda: _is_fine(server))
        finally:
            for sock in deaf:
                sock.close()
        assert "Traceback" not in server.log.read_text()
