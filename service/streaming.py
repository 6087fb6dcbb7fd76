"""A stream of documents to POST /classify: one a line in, one result a line out, in order, in bounded memory."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import BoundedSemaphore

import structlog
from flask import Flask, Response, current_app, g, request, stream_with_context
from werkzeug.exceptions import ClientDisconnected

from models.duplicates import Seen
from models.errors import InputError
from models.pipeline import Json, Options, check_options, classify
from models.release import Release
from service import review
from service.backlog import Backlog
from service.metrics import metrics
from service.model import RETRY_AFTER
from service.problems import Problem, problem_of, unexpected
from service.schema import STREAM_TYPE, Unusable, read_document, read_stream_options
from service.settings import Settings
from service.stream_connection import PIECE, Connection, cut
from service.wire import encode

log = structlog.get_logger()

N_STORIES = 5_000  # that `duplicates` looks back on
_COUNTED = 1 << 16  # bytes of results that are counted at a time


def init_app(app: Flask, settings: Settings) -> None:
    """Leave half the threads of every worker to other requests than streams, health checks above all."""
    app.extensions["wiretag_streams"] = BoundedSemaphore(max(1, settings.threads // 2))


def stream(release: Release, settings: Settings) -> Response:
    """The response to a stream of documents, worked out while it is sent.

    Raises `Problem` or `InputError` for its options, and a 503 problem while as many streams run as may.
    """
    options, duplicates = read_stream_options(request)
    check_options(release, options)
    running: BoundedSemaphore = current_app.extensions["wiretag_streams"]
    if not running.acquire(blocking=False):
        metrics.shed("streams")
        raise Problem(503, "as many streams run as may; come back later", headers={"Retry-After": RETRY_AFTER})
    g.documents = 0
    answers = Answers(release, settings, options, Seen(N_STORIES) if duplicates else None)
    response = Response(stream_with_context(_whole(answers, settings)), content_type=STREAM_TYPE)
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold results back
    mine = [running]  # a server may close a response twice
    response.call_on_close(lambda: mine.pop().release() if mine else None)
    return response


class Lines:
    """Cuts what arrives into lines at "\\n" alone, holding no more than `longest` bytes of an unfinished one."""

    def __init__(self, longest: int):
        self._longest = longest
        self._held = bytearray()
        self._is_too_long = False

    def completed_by(self, piece: bytes) -> Iterator[bytearray | None]:
        """The lines that a piece of the body completes; None stands for one that was too long to hold."""
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._hold(memoryview(piece)[start:end])
            yield self._release()
            start = end + 1
        self._hold(memoryview(piece)[start:])

    def last(self) -> Iterator[bytearray | None]:
        """The line that nothing ended, if there is one."""
        if self._held or self._is_too_long:
            yield self._release()

    def _hold(self, part: memoryview) -> None:
        if self._is_too_long or len(self._held) + len(part) > self._longest:
            self._is_too_long = True
            self._held = bytearray()
        else:
            self._held += part

    def _release(self) -> bytearray | None:
        line = None if self._is_too_long else self._held
        self._held, self._is_too_long = bytearray(), False
        return line


@dataclass(slots=True)
class Answers:
    """The results of a stream's lines. Once `is_over`, an error ended it and nothing more is answered."""

    release: Release
    settings: Settings
    options: Options
    seen: Seen | None = None
    is_over: bool = False
    n_lines: int = 0
    _lines: Lines = field(init=False)

    def __post_init__(self) -> None:
        self._lines = Lines(self.settings.max_body)

    def to(self, piece: bytes) -> Iterator[bytes]:
        """The results, a line each, of the documents that a piece of the body completes; b"" is its end."""
        if self.is_over:
            return
        counted: list[Json] = []
        size = 0
        try:
            for line in self._lines.completed_by(piece) if piece else self._lines.last():
                self.n_lines += 1
                if self.is_over or (line is not None and not line.strip()):
                    continue
                g.documents += 1
                result, encoded = self._answer(line)
                counted.append(result)
                size += len(encoded)
                if size > _COUNTED:
                    metrics.results(counted)
                    counted, size = [], 0
                yield encoded
        finally:
            if counted:
                metrics.results(counted)

    def timed_out(self) -> bytes:
        """The line that ends a stream whose client sends nothing, if nothing has ended it."""
        if self.is_over:
            return b""
        self.is_over = True
        self.n_lines += 1
        idle = self.settings.stream_idle
        words = f"nothing came for {idle:,} seconds; an empty line keeps a stream open"
        return self._problem(None, Problem(408, words, kind="timeout"))[1]

    def _answer(self, line: bytearray | None) -> tuple[Json, bytes]:
        document_id = None
        try:
            if line is None:
                limit = self.settings.max_body
                return self._problem(None, Problem(413, f"the line is over {limit:,} bytes; send shorter documents"))
            document = read_document(line, "", self.settings)
            document_id = document.document_id
            if isinstance(document, Unusable):
                return self._problem(document_id, document.problem)
            result = classify(self.release, document, self.options)
            if self.seen is not None:
                self.seen.mark(result, document, document_id or f"lines/{self.n_lines}")
            review.offer([document], [result])
            return result, encode(result) + b"\n"
        except InputError as error:
            return self._problem(document_id, problem_of(error))
        except Problem as problem:
            return self._problem(document_id, problem)
        except Exception as error:
            self.is_over = True
            return self._problem(document_id, unexpected(error))

    def _problem(self, document_id: str | None, problem: Problem) -> tuple[Json, bytes]:
        result = {"document_id": document_id, "line": self.n_lines, "error": problem.document()}
        return result, encode(result) + b"\n"


def _whole(answers: Answers, settings: Settings) -> Iterator[bytes]:
    """The whole answer. What cannot be brought to its end ends the connection and stands in the log."""
    why: str | None = "the client is gone"
    try:
        if Connection.is_beneath(request.environ):
            with Backlog(settings.stream_disk) as backlog:
                yield from _in_turn(Connection(request.environ, settings.stream_idle), answers, backlog)
        else:
            yield from _plainly(answers)
        why = None
    except OSError as error:
        why = error.strerror
        raise cut(why or "") from None
    except Exception as error:
        why = unexpected(error).detail
        raise cut(why) from None
    finally:
        if why:
            log.info("stream_cut", id=g.request_id, line=answers.n_lines, why=why)


def _plainly(answers: Answers) -> Iterator[bytes]:
    """The answer where the server does not show its connection: a client has to read while it sends."""
    request.max_content_length = sys.maxsize  # what is limited is a line
    try:
        while piece := request.stream.read(1 << 16):
            yield from answers.to(piece)
    except ClientDisconnected:
        raise cut("the body broke off") from None
    yield from answers.to(b"")


def _in_turn(connection: Connection, answers: Answers, backlog: Backlog) -> Iterator[bytes]:
    """The answer, written when the client takes it, while the body is read on.

    Many clients send their whole body before they read a byte. To write to such a client is to wait for it while it waits for
    us, so results wait in the backlog until it takes them.
    """
    yield b""  # the headers, for a client that waits for them before it sends
    reading = True
    while reading or backlog:
        if (backlog or answers.is_over) and connection.takes(wait=True, or_sends=reading):
            if not backlog:
                return
            yield backlog.take(PIECE)
            continue
        try:
            piece = connection.arrived()
        except TimeoutError:
            backlog.add(answers.timed_out())
            reading = False
            continue
        reading = piece != b""
        for result in answers.to(piece):
            backlog.add(result)
            while len(backlog) >= PIECE and connection.takes(wait=backlog.is_full):
                yield backlog.take(PIECE)
    connection.takes(wait=True)  # the mark of the end
