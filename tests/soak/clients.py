"""Clients of the soak: well-behaved ones that check every byte of their answers, and the other kinds."""

import asyncio
import random
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from models.pipeline import Document, Form, Options, classify
from models.release import Release
from service.wire import encode

PAUSE = 0.1  # seconds a refused client waits, on average; Retry-After asks for one second, impatience is part of the test
GRACE = 1.0  # seconds after a kill in which the connections of the killed worker may break
_PLAIN = Options()
_SENTENCES = (
    "The Treasury imposed sanctions on the bank on Monday.",
    "Troops shelled the town overnight, the general staff said.",
    "The envoy of the African Union landed in the capital for talks.",
    "The editor was fined and her newspaper closed by the court.",
    "Museum visitors queued in the rain for the reopening.",
    "A delegation from Pyongyang toured the shipyard with Russian officers.",
)


Answer = tuple[int, dict[str, str], bytes]  # status, headers by their names in lower case, body


@dataclass(frozen=True)
class Question:
    """A well-formed request and the only answers it may get, by version."""

    request: bytes
    answers: dict[str, bytes]


@dataclass
class Record:
    """What was seen by all clients together."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    seen: list[tuple[float, str]] = field(default_factory=list)  # when a request was sent, and which version answered it
    kills: list[float] = field(default_factory=list)

    def fault(self, what: str) -> None:
        """Something that must not happen."""
        self.counts["FAULT"] += 1
        if len(self.faults) < 50:
            self.faults.append(what)


def questions(releases: list[Release]) -> tuple[list[Question], list[Question]]:
    """Single texts, pages and HTML; then these and batches, also in chunks; all with their answers by each release."""
    story = "\n".join(_SENTENCES * 8)
    html = "".join(f"<p>{sentence}</p>" for sentence in _SENTENCES * 8)
    batch = [Document(sentence, Form.TEXT, None, str(number)) for number, sentence in enumerate(_SENTENCES * 4)]
    large = [Document(story, Form.PAGE, None, str(number)) for number in range(30)]
    found = [_single(Document(text), releases, options) for text in _SENTENCES for options in (_PLAIN, Options(explain=True))]
    found += [_single(Document(story, form), releases) for form in (Form.TEXT, Form.PAGE)]
    found += [_single(Document(f"<article><h1>News</h1>{html}</article>", Form.HTML), releases)]
    return found, [
        *found,
        _single(Document(story, Form.PAGE), releases, chunked=True),
        _several(batch, releases),
        _several(large, releases),
    ]


def _single(document: Document, releases: list[Release], options: Options = _PLAIN, chunked: bool = False) -> Question:
    body = encode({document.form.value: document.content, **({"explain": True} if options.explain else {})})
    return Question(post(body, chunked=chunked), {each.version: encode(classify(each, document, options)) for each in releases})


def _several(documents: list[Document], releases: list[Release]) -> Question:
    sent = [{"document_id": each.document_id, each.form.value: each.content} for each in documents]
    answers = {
        each.version: encode({"model_version": each.version, "results": [classify(each, found) for found in documents]})
        for each in releases
    }
    return Question(post(encode({"documents": sent})), answers)


def post(body: bytes, kind: str = "application/json", *, chunked: bool = False, length: int | None = None) -> bytes:
    """The bytes of a request to classify."""
    head = f"POST /classify HTTP/1.1\r\nHost: soak\r\nContent-Type: {kind}\r\n".encode()
    if chunked:
        pieces = (body[:99], body[99:], b"")
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)
    return head + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


class Answers(asyncio.Protocol):
    """The client's side of a connection, one answer at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def expect(self) -> asyncio.Future[Answer]:
        """The next answer, in the future."""
        self.answer = asyncio.get_running_loop().create_future()
        return self.answer

    def data_received(self, data: bytes) -> None:
        """Collect bytes until an answer is whole; `100 Continue` is none."""
        received = self._received
        received += data
        end = received.find(b"\r\n\r\n")
        if end < 0 or self.answer.done():
            return
        lines = received[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        whole = end + 4 + int(headers.get("content-length", 0))
        if len(received) >= whole:
            self.answer.set_result((int(lines[0].split()[1]), headers, bytes(received[end + 4 : whole])))
            del received[:whole]

    def connection_lost(self, exc: Exception | None) -> None:
        """What was still to come will not."""
        if not self.answer.done():
            self.answer.set_exception(exc or EOFError())
            self.answer.exception()  # seen, whether or not anybody waits for it


class Connection:
    """A kept connection that is opened when needed."""

    def __init__(self, port: int):
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._answers: Answers | None = None

    async def ask(self, request: bytes) -> Answer:
        """Status, headers and body. Raises `OSError` and `EOFError`; the connection is then closed."""
        try:
            if self._transport is None or self._transport.is_closing():
                await self.open()
            expected = self._answers.expect()
            self._transport.write(request)
            answer = await expected
        except BaseException:
            self.close()
            raise
        if answer[1].get("connection") == "close":
            self.close()
        return answer

    async def open(self) -> tuple[asyncio.Transport, asyncio.Future[Answer]]:
        """Open it, for a caller that writes its request in its own way."""
        loop = asyncio.get_running_loop()
        self._transport, self._answers = await loop.create_connection(Answers, "127.0.0.1", self._port)
        return self._transport, self._answers.answer

    def close(self) -> None:
        """Close it, if it is open."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None


async def ask_and_check(connection: Connection, question: Question, record: Record, since: float | None = None) -> int:
    """Ask once: the answer must be that of one version, or 503. Breaks are allowed only around a kill. Gives the status or 0."""
    sent = time.monotonic()
    try:
        async with asyncio.timeout(60):
            status, headers, body = await connection.ask(question.request)
    except TimeoutError:
        record.fault("no answer in 60 s")
        return 0
    except (OSError, EOFError) as error:
        now = time.monotonic()
        if any(kill - 0.05 <= now <= kill + GRACE for kill in record.kills):
            record.counts["broken by a kill"] += 1
        else:
            record.fault(f"broken without a kill: {type(error).__name__}")
        return 0
    if status == 200:
        version = headers.get("x-model-version", "")
        if question.answers.get(version) != body:
            record.fault(f"200 that is not wholly {version!r}")
        record.counts["200"] += 1
        record.seen.append((sent, version))
        record.latencies.append(time.monotonic() - (sent if since is None else since))
    elif status == 503 and headers.get("retry-after") and b'"instance"' in body:
        record.counts["503"] += 1
    else:
        record.fault(f"status {status}: {body[:200]!r}")
    return status


async def well_behaved(port: int, asked: list[Question], record: Record, until: float, ill: float = 0.0) -> None:
    """Ask one thing after another on one connection; pause after a refusal. A share of all requests is ill-behaved."""
    connection, others = Connection(port), set()
    while time.monotonic() < until:
        if random.random() < ill:
            kind = random.choices(list(_KINDS), _SHARES)[0]
            others.add(task := asyncio.create_task(ill_behaved(port, record, kind)))
            task.add_done_callback(others.discard)
            continue
        status = await ask_and_check(connection, random.choice(asked), record)
        if status != 200:
            await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE)
    connection.close()
    await asyncio.gather(*others)


async def paced(port: int, asked: list[Question], record: Record, rate: float, until: float) -> None:
    """Ask `rate` times a second on one connection, late or not; time counts from when a request was due."""
    connection, due = Connection(port), time.monotonic() + random.random() / rate
    while due < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await ask_and_check(connection, random.choice(asked), record, since=due)
        due += 1 / rate
    connection.close()


MALFORMED: list[tuple[bytes, set[int]]] = [
    (post(b'{"text": '), {400}),
    (post(b'{"text": "a", "unknown": 1}'), {400}),
    (post(b'{"text": "   "}'), {422}),
    (post(b"\xff\xfe", "text/plain"), {400}),
    (post(b"<a/>", "application/xml"), {415}),
    (b"GET /nothing HTTP/1.1\r\nHost: soak\r\n\r\n", {404}),
    (b"GET / HTTP/1.1\r\nHost: soak\r\nX: a\r\n b\r\n\r\n", {400}),
    (post(b"zz\r\n", length=9).replace(b"Content-Length: 9", b"Transfer-Encoding: chunked"), {400}),
    (b"POST /classify HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
]


async def ill_behaved(port: int, record: Record, kind: str) -> None:
    """One request of a kind that no service is spared; it must end, and must not be taken for a good one."""
    try:
        async with asyncio.timeout(60):
            await _KINDS[kind](port, record)
    except TimeoutError:
        record.fault(f"{kind}: the server waits without end")
    except (OSError, EOFError):
        record.counts[f"{kind}: cut"] += 1


async def _malformed(port: int, record: Record) -> None:
    request, expected = random.choice(MALFORMED)
    connection = Connection(port)
    status, _, body = await connection.ask(request)
    connection.close()
    if status not in expected | {503}:
        record.fault(f"malformed: {status} instead of {expected}: {body[:200]!r}")
    record.counts[f"malformed: {status}"] += 1


async def _oversized(port: int, record: Record) -> None:
    connection = Connection(port)
    status, _, _ = await connection.ask(post(b"x" * 10_000_001))
    connection.close()
    if status not in {413, 503}:
        record.fault(f"oversized: {status}")
    record.counts[f"oversized: {status}"] += 1


async def _slow(port: int, record: Record) -> None:
    request = post(b'{"text": "' + _SENTENCES[0].encode() * 200 + b'"}')
    connection = Connection(port)
    transport, answer = await connection.open()
    try:
        for byte in request[: random.randrange(5, 200)]:
            transport.write(bytes([byte]))
            await asyncio.wait([answer], timeout=0.2)
            if answer.done():
                break
        status, _, _ = await answer
    finally:
        connection.close()
    if status not in {408, 503}:
        record.fault(f"slow: {status}")
    record.counts[f"slow: {status}"] += 1


async def _aborted(port: int, record: Record) -> None:
    transport, _ = await Connection(port).open()
    request = post(b'{"text": "' + _SENTENCES[0].encode() * random.choice((1, 3000)) + b'"}')
    transport.write(request[: random.randrange(1, len(request))] if random.random() < 0.5 else request)
    await asyncio.sleep(random.uniform(0, 0.01))
    # no farewell: the server meets a reset
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    record.counts["aborted"] += 1


_KINDS: dict[str, Any] = {"malformed": _malformed, "oversized": _oversized, "slow": _slow, "aborted": _aborted}
_SHARES = (5, 1, 1, 3)
