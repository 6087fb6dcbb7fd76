"""Streams and bodies through the real server: memory, clients that read late, never send, send too much or go away."""

import contextlib
import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.soak.stream import TOPICS, Server, block_of_documents, lines_of, run, serve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MOST_MEGABYTES = 90  # of memory, in a worker; all results of a test at once would be more
LINE = b'{"document_id": "a", "text": "The Treasury imposed sanctions on the bank on Monday, officials said in a statement."}\n'
HEAD = b"POST /classify%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
WORDY = f"?topics={','.join(TOPICS)}"  # for long results
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
FAILING = (
    "import service.streaming as s; right = s.classify\n"
    "def wrong(release, document, options):\n"
    "    if document.document_id == 'bad': raise RuntimeError('The Treasury')\n"
    "    return right(release, document, options)\n"
    "s.classify = wrong"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose worker is given up when it does not move for four seconds; a document called bad makes it fail."""
    with serve(tmp_path_factory.mktemp("server"), FAILING, timeout=4) as server:
        yield server
        assert "Traceback" not in server.log.read_text()
        assert "Treasury" not in server.log.read_text()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose streams may idle for two seconds, and keep nothing on disk."""
    with serve(tmp_path_factory.mktemp("impatient"), stream_idle=2, stream_disk=1) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Pieces in the frames of HTTP's chunked coding."""
    return b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def start(connection: socket.socket, length: int | None = None, query: str = "") -> None:
    """Send the head of a stream: of this length, or in chunks."""
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    connection.sendall(HEAD % query.encode() + framing + b"\r\n\r\n")


def logged(server: Server, event: str, holding: str = "") -> dict[str, Any]:
    """The latest line of the log of that kind, and with these words, once there is one."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for line in reversed(server.log.read_text().splitlines()):
            if f'"event":"{event}"' in line and holding in line:
                return dict(json.loads(line))
        time.sleep(0.02)
    pytest.fail(f"no {event} in the log")


def test_a_long_stream_needs_little_memory(tmp_path: Path) -> None:
    """20 MB go through one worker within bounded memory."""
    with serve(tmp_path) as server:
        done = run(server, block_of_documents("text"), 20, reads_meanwhile=True)
        assert done.n_in_place == done.n_documents
        assert server.peak_megabytes() <= MOST_MEGABYTES


def test_a_client_may_send_all_before_it_reads(tmp_path: Path) -> None:
    """Nobody waits for the other: far more results than a connection's buffers hold are kept, and in little memory."""
    with serve(tmp_path) as server:
        done = run(server, block_of_documents("text", 600), 20, reads_meanwhile=False, query=WORDY)
        assert done.n_in_place == done.n_documents
        assert done.n_result_bytes > done.n_bytes
        assert server.peak_megabytes() <= MOST_MEGABYTES


def test_the_client_in_the_documentation_works(server: Server) -> None:
    """What docs/streaming.md shows in Python does what it says, and notices an answer that is not whole."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "streaming.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], names)
    address = f"http://127.0.0.1:{server.port}/classify"
    documents = [{"document_id": str(number), "text": "The bank is under sanctions."} for number in range(2_000)]
    assert all(result["document_id"] == document["document_id"] for document, result in names["classified"](documents, address))
    documents[1_000]["document_id"] = "bad"
    with pytest.raises(ValueError, match="shorter"):
        list(names["classified"](documents, address))


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_result_comes_before_the_next_line_is_sent(server: Server, is_chunked: bool) -> None:
    """A client that waits for each result before it sends more is served at once, its headers before anything else."""
    n = 20
    with server.connect() as connection, connection.makefile("rb") as answer:
        start(connection, None if is_chunked else n * len(LINE))
        while answer.readline().strip():
            pass
        for _ in range(n):
            connection.sendall(chunked(LINE, end=b"") if is_chunked else LINE)
            size = int(answer.readline(), 16)
            assert json.loads(answer.read(size + 2))["document_id"] == "a"
        connection.sendall(b"0\r\n\r\n" if is_chunked else b"")
        assert answer.readline() + answer.readline() == b"0\r\n\r\n"


def test_a_stream_may_take_longer_than_a_worker_may_be_stuck(server: Server) -> None:
    """A long stream is not a stuck worker; empty lines keep it open where documents are rare."""
    worker = server.worker
    with server.connect() as connection, connection.makefile("rb") as answer:
        start(connection)
        for turn in range(10):
            connection.sendall(chunked(b"\n" if turn % 2 else LINE, end=b""))
            time.sleep(0.5)
        connection.sendall(chunked())
        assert len(list(lines_of(answer))) == 5
    assert server.worker == worker


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize(
    ("query", "lines", "status"),
    [
        ("", LINE * 3, b"200"),
        ("", b"no\n" + LINE + b'{"text": "cut', b"200"),
        ("?topics=none", LINE * 3, b"422"),
        ("?colour=red", LINE * 300, b"400"),
    ],
)
def test_nothing_of_a_stream_is_taken_for_a_request(
    server: Server, is_chunked: bool, query: str, lines: bytes, status: bytes
) -> None:
    """After a stream, good, bad or refused, the next request of its connection gets its own answer, or it is closed as announced."""
    with server.connect() as connection, connection.makefile("rb") as answer:
        start(connection, None if is_chunked else len(lines), query)
        connection.sendall((chunked(lines[:50], lines[50:]) if is_chunked else lines) + HEALTH + HEALTH)
        connection.shutdown(socket.SHUT_WR)
        seen = answer.read()
    head = seen.partition(b"\r\n\r\n")[0]
    assert head.split()[1] == status
    assert seen.count(b"HTTP/1.1 ") - 1 == seen.count(b'{"status":"alive"}') == (0 if b"Connection: close" in head else 2)


TOO_MUCH = {
    ("application/json", ""): (413, "over 10,000,000 bytes"),
    ("text/plain", ""): (413, "over 10,000,000 bytes"),
    ("application/x-ndjson", "?colour=red"): (400, "colour"),
    ("application/pdf", ""): (415, "cannot read application/pdf"),
}


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize(("kind", "query"), TOO_MUCH)
def test_a_client_that_sends_too_much_still_gets_its_answer(server: Server, is_chunked: bool, kind: str, query: str) -> None:
    """Not a broken pipe but the reason, and the connection stays usable."""
    status, words = TOO_MUCH[kind, query]
    body = b"x" * 20_000_000
    headers = {"Content-Type": kind, **({"Transfer-Encoding": "chunked"} if is_chunked else {})}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request(
            "POST", f"/classify{query}", iter([body]) if is_chunked else body, headers, encode_chunked=is_chunked
        )
        answer = connection.getresponse()
        assert answer.status == status
        assert words in json.load(answer)["detail"]
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200


def test_a_body_at_the_limit_is_taken(tmp_path: Path) -> None:
    """The limit is the last length that is allowed, with a length given or in chunks."""
    with serve(tmp_path, max_body=100) as server:
        for length, status in ((100, b"200"), (101, b"413")):
            body = b'{"text": "%s"}' % (b"a" * (length - 12))
            for message in (
                b"Content-Length: %d\r\n\r\n%s" % (length, body),
                b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body),
            ):
                with server.connect() as connection:
                    connection.sendall(b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + message)
                    assert connection.recv(9999).split()[1] == status


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n20\r\n{}\r\n", "broke off"),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "broke off"),
    ],
)
def test_a_body_that_is_not_whole_is_no_document(server: Server, message: bytes, words: str) -> None:
    """What is left of a broken request is neither classified nor an error of ours, and its connection ends."""
    with server.connect() as connection, connection.makefile("rb") as answer:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + message)
        connection.shutdown(socket.SHUT_WR)
        status, *_, problem = answer.read().split(b"\r\n")
    assert status == b"HTTP/1.1 400 BAD REQUEST"
    assert words in json.loads(problem)["detail"]


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_stream_may_hold_nothing(server: Server, framing: bytes) -> None:
    """No line in, no line out, and the connection ends as announced."""
    with server.connect() as connection, connection.makefile("rb") as answer:
        connection.sendall(HEAD % b"" + framing + b"\r\n" + (b"0\r\n\r\n" if b"chunked" in framing else b"") + HEALTH)
        assert list(lines_of(answer)) == []


def test_work_ends_when_the_client_goes(server: Server) -> None:
    """A stream whose client is gone costs nothing more, and the log says so."""
    with server.connect() as connection:
        start(connection, 1_000_000_000)
        for _ in range(1_000):
            connection.sendall(LINE * 10)
    cut = logged(server, "stream_cut")
    request = logged(server, "request", cut["id"])  # which is written a moment later
    assert 0 < request["documents"] <= 10_000


@pytest.mark.parametrize("rest", [b"", b"zz\r\n", b"5\r\nab"])
def test_a_body_that_breaks_off_leaves_the_answer_unfinished(server: Server, rest: bytes) -> None:
    """A client can tell a whole answer from one of half a stream; what was done stands in it."""
    with server.connect() as connection, connection.makefile("rb") as answer:
        start(connection)
        connection.sendall(chunked(LINE, LINE, end=rest))
        connection.shutdown(socket.SHUT_WR)
        seen = answer.read()
    assert seen.count(b'"document_id":"a"') == 2
    assert not seen.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize("rest", [b"", b'{"text": "half'])
def test_a_client_that_sends_nothing_is_told_so(impatient: Server, is_chunked: bool, rest: bytes) -> None:
    """A stream that idles ends with a line that says why, and its connection with it."""
    with impatient.connect() as connection, connection.makefile("rb") as answer:
        start(connection, None if is_chunked else 10_000)
        connection.sendall(chunked(LINE, end=rest and b"9\r\nha") if is_chunked else LINE + rest)
        result, problem = (json.loads(line) for line in lines_of(answer))
        assert result["document_id"] == "a"
        assert (problem["document_id"], problem["line"], problem["error"]["status"]) == (None, 2, 408)
        assert "nothing came for 2 seconds" in problem["error"]["detail"]
        connection.sendall(HEALTH)
        assert answer.read() == b""


def test_a_client_that_takes_nothing_is_left(impatient: Server) -> None:
    """Where results may not go to the disk, a client that never reads cannot hold a thread for ever; others are served as ever."""
    with impatient.connect() as connection:
        start(connection, 1_000_000_000, WORDY)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(LINE * 500_000)
    assert logged(impatient, "stream_cut")["why"] == "the client takes nothing"
    done = run(impatient, block_of_documents("text", 600), 5, reads_meanwhile=True, query=WORDY)
    assert done.n_in_place == done.n_documents


@pytest.mark.parametrize("n_before", [0, 12_000])
def test_after_an_error_of_ours_the_rest_is_read_and_dropped(server: Server, n_before: int) -> None:
    """A client that sends all of a long stream first gets what was done and the line that says why it ended."""
    body = LINE * n_before + LINE.replace(b'"a"', b'"bad"') + LINE * 60_000
    with server.connect() as connection, connection.makefile("rb") as answer:
        start(connection, len(body), WORDY)
        connection.sendall(body)
        *results, problem = lines_of(answer)
        assert len(results) == n_before
        assert json.loads(problem)["error"]["status"] == 500
        assert json.loads(problem)["document_id"] == "bad"
