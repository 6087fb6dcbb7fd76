"""A stream to POST /classify: what its lines may be and what comes back."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.pipeline import Json
from models.release import Release
from service.app import create_app
from service.metrics import Metrics
from service.settings import Settings

SANCTIONS = (
    "The US Treasury on Thursday imposed sanctions on two banks and froze the assets of their owners, saying that they had helped "
    "the sanctioned ministry evade an oil embargo. The European Union said it would extend its own sanctions by six months."
)
QUIET = "The council said on Monday that the swimming pool would be closed until the roof had been repaired."


class _InPieces:
    """A body that arrives in these pieces."""

    def __init__(self, pieces: list[bytes]):
        self._pieces = [piece for piece in pieces if piece]

    def read(self, n: int) -> bytes:
        """What has arrived, up to n bytes."""
        if not self._pieces:
            return b""
        piece, rest = self._pieces[0][:n], self._pieces[0][n:]
        self._pieces[:1] = [rest] if rest else []
        return piece


def _stream(client: FlaskClient, body: bytes | list[bytes], query: str = "", buffered: bool = True) -> Any:
    arriving = {} if isinstance(body, bytes) else {"wsgi.input": _InPieces(body), "wsgi.input_terminated": True}
    return client.post(
        "/classify",
        data=body if isinstance(body, bytes) else None,
        content_type="application/x-ndjson",
        headers={"X-Request-ID": "stream"},
        query_string=query,
        environ_overrides=arriving,
        buffered=buffered,
    )


def _lines(answer: Any) -> list[Json]:
    assert answer.status_code == 200
    assert answer.content_type == "application/x-ndjson"
    assert answer.data == b"" or answer.data.endswith(b"\n")
    return [json.loads(line) for line in answer.data.split(b"\n")[:-1]]


def _body(*documents: Any) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in documents)


DOCUMENTS = [
    {"document_id": "a", "text": SANCTIONS, "headline": "Banks sanctioned"},
    {"document_id": "b", "text": QUIET},
    {"page": f"Swimming pool stays shut\n{QUIET}\nComments\n"},
    {"document_id": "d", "html": f"<h1>Banks under sanctions</h1><p>{SANCTIONS}</p>"},
]


def test_a_stream_gives_what_documents_give(client: FlaskClient, release: Release) -> None:
    """One document a line in, the same result a line out, in order, from one version, which a header names."""
    together = client.post("/classify", json={"documents": DOCUMENTS}).json
    answer = _stream(client, _body(*DOCUMENTS))
    assert _lines(answer) == together["results"]
    assert answer.headers["X-Model-Version"] == together["model_version"] == release.version


@pytest.mark.parametrize("topics", ["", "sanctions,ukraine_war"])
def test_options_stand_in_the_address(client: FlaskClient, topics: str) -> None:
    """Evidence, limit and topics are shown as in any other request."""
    options = {"explain": True, "limit": 1, "topics": topics.split(",") if topics else []}
    together = client.post("/classify", json={"documents": DOCUMENTS, **options}).json
    assert _lines(_stream(client, _body(*DOCUMENTS), f"explain=true&limit=1&topics={topics}")) == together["results"]


def test_near_duplicates_are_marked_on_request(client: FlaskClient) -> None:
    """A story that an earlier line had is marked with that document's id, or its line where it has none."""
    body = _body({"text": SANCTIONS}, b"", {"document_id": "q", "text": QUIET}, {"text": SANCTIONS}, {"text": QUIET})
    assert [line.get("duplicate_of") for line in _lines(_stream(client, body, "duplicates=true"))] == [
        None,
        None,
        "lines/1",
        "q",
    ]
    assert [line.get("duplicate_of") for line in _lines(_stream(client, body))] == [None] * 4


BAD: dict[str, tuple[bytes, int, str | None, str]] = {
    "not JSON": (b'{"text": ', 400, None, ""),
    "cut off": (b'{"document_id": "x", "text": "abc', 400, None, ""),
    "not UTF-8": (b'{"text": "\xff"}', 400, None, ""),
    "lone surrogate": (rb'{"text": "\ud800"}', 400, None, ""),
    "not an object": (b"7", 400, None, ""),
    "wrong type": (b'{"document_id": "x", "text": 7}', 400, "x", "/text"),
    "wrong id": (b'{"document_id": 7, "text": "a"}', 400, None, "/document_id"),
    "unknown field": (b'{"document_id": "x", "text": "a", "explain": true}', 400, "x", ""),
    "nothing to classify": (b'{"document_id": "x"}', 400, "x", ""),
    "two forms": (b'{"document_id": "x", "text": "a", "page": "b"}', 400, "x", ""),
    "several documents": (b'{"documents": [{"text": "a"}]}', 400, None, ""),
    "blank": (b'{"document_id": "x", "text": " "}', 422, "x", "/text"),
    "NUL": (rb'{"document_id": "x", "text": "a\u0000b"}', 422, "x", "/text"),
    "too long a document": (b'{"document_id": "x", "text": "' + b"a" * 1_000 + b'"}', 422, "x", "/text"),
    "too long a line": (b'{"document_id": "x", "text": "' + b"a" * 5_000 + b'"}', 413, None, ""),
}


@pytest.fixture(scope="module")
def small(release: Release) -> FlaskClient:
    """A client of a service that takes lines of 4,000 bytes and documents of 500 characters."""
    return create_app(Settings(max_body=4_000, max_characters=500), release).test_client()


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_gives_a_problem_line_and_the_stream_goes_on(small: FlaskClient, case: str) -> None:
    """The line has a problem in its place with its number and, where it can be read, its id; no word of the document."""
    bad, status, document_id, pointer = BAD[case]
    answer = _stream(small, _body({"text": QUIET}, b"\r", bad, {"document_id": "z", "text": QUIET}))
    first, problem, last = _lines(answer)
    assert (first["reason"], last["reason"], last["document_id"]) == ("below_threshold", "below_threshold", "z")
    assert (problem["document_id"], problem["line"], problem["error"]["status"]) == (document_id, 3, status)
    assert problem["error"]["instance"] == answer.headers["X-Request-ID"]
    assert problem["error"]["detail"]
    assert problem["error"].get("errors", [{"pointer": ""}])[0]["pointer"] == pointer
    assert len(answer.data.split(b"\n")[1]) < 500


@pytest.mark.parametrize("body", [b"", b"\n", b"\n \r\n\t\n"])
def test_a_stream_of_nothing_is_answered_by_nothing(client: FlaskClient, body: bytes) -> None:
    """Empty lines are skipped, even where there is nothing else."""
    assert _lines(_stream(client, body)) == []


def test_the_last_line_needs_no_end(client: FlaskClient) -> None:
    """A file without a final line end is whole."""
    assert _lines(_stream(client, _body({"text": QUIET}, {"text": SANCTIONS})[:-1]))[1]["topics"][0]["topic"] == "sanctions"


def test_only_newlines_end_a_line(client: FlaskClient) -> None:
    """Unicode's line separators inside a text are part of it."""
    text = f"{QUIET}\u2028{QUIET}\u2029{QUIET}\u0085{QUIET}\u000b"
    body = json.dumps({"document_id": text, "page": text}, ensure_ascii=False).encode() + b"\n"
    assert "\u2028".encode() in body
    (line,) = _lines(_stream(client, body))
    assert line["document_id"] == text


def test_the_body_limit_is_a_lines(small: FlaskClient) -> None:
    """A stream as a whole may be longer than any body."""
    body = _body(*[{"text": QUIET}] * 100)
    assert len(body) > 4_000
    assert len(_lines(_stream(small, body))) == 100
    assert len(_lines(_stream(small, [body]))) == 100


_GOOD = st.sampled_from(
    [{"document_id": "g1", "text": SANCTIONS}, {"document_id": "g2", "page": QUIET}, {"text": "\u2028é 😀 tail"}]
)
_LINE = _GOOD.map(lambda document: json.dumps(document, ensure_ascii=False).encode()) | st.sampled_from(
    [b"", b" \r", *(bad for bad, *_ in BAD.values())]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINE, max_size=8), st.booleans(), st.lists(st.integers(0, 20_000), max_size=12))
def test_a_stream_is_answered_alike_however_it_arrives(
    small: FlaskClient, lines: list[bytes], is_ended: bool, cuts: list[int]
) -> None:
    """Any split of the bytes gives the same answer: a result for every line that holds something, each with the right number."""
    body = b"\n".join(lines) + (b"\n" if is_ended else b"")
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[start:end] for start, end in pairwise(places)]
    answer = _stream(small, pieces)
    assert answer.data == _stream(small, body).data
    found = _lines(answer)
    held = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    assert len(found) == len(held)
    for result, (number, _) in zip(found, held, strict=True):
        assert result.get("line", number) == number


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("colour=red", 400),
        ("limit=x", 400),
        ("explain=maybe", 400),
        ("duplicates=2", 400),
        ("as=page", 400),
        ("topics=colour", 422),
    ],
)
def test_wrong_options_are_said_before_the_stream_begins(client: FlaskClient, query: str, status: int) -> None:
    """A stream that cannot be shown as asked is refused as a whole."""
    answer = _stream(client, _body({"text": QUIET}), query)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_compressed_stream_is_refused(client: FlaskClient) -> None:
    """As a compressed body is: nothing here unpacks what others packed."""
    headers = {"Content-Encoding": "gzip"}
    answer = client.post("/classify", data=b"\x1f\x8b", content_type="application/x-ndjson", headers=headers)
    assert (answer.status_code, "compressed" in answer.json["detail"]) == (415, True)


class _Offered:
    def __init__(self) -> None:
        self.ids: list[str | None] = []

    def offer(self, documents: Any, results: Any) -> None:
        self.ids += [document.document_id for document, _ in zip(documents, results, strict=True)]


def test_what_a_stream_classified_is_offered_for_review(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As what any other request classified is."""
    offered = _Offered()
    monkeypatch.setitem(app.extensions, "wiretag_candidates", offered)
    _stream(client, _body(DOCUMENTS[0], b"no", DOCUMENTS[3]))
    assert offered.ids == ["a", "d"]


def test_without_a_model_no_stream_begins(tmp_path: Any) -> None:
    """A client learns at once that it must come back later."""
    answer = _stream(create_app(Settings(model=tmp_path)).test_client(), _body({"text": QUIET}))
    assert (answer.status_code, answer.json["type"]) == (503, "/docs/errors#not-ready")


def test_streams_leave_a_thread_to_other_requests(release: Release) -> None:
    """Where half the threads are busy with streams, the next is told to come back, and comes in when one ends."""
    client = create_app(Settings(threads=4, concurrency=2), release).test_client()
    body = _body({"text": QUIET})
    running = [_stream(client, body, buffered=False) for _ in range(2)]
    refused = _stream(client, body)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert "streams" in refused.json["detail"]
    for _ in range(3):
        assert _stream(client, b"", "colour=red").status_code == 400
    running.pop().close()
    assert len(_lines(_stream(client, body))) == 1
    assert len(_lines(_stream(client, body))) == 1
    running.pop().close()


def test_an_error_of_ours_ends_the_stream_with_a_line(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The results before it stand, it names the instance for the log, and neither says a word of the document."""
    from service.streaming import classify

    def fail_on_secrets(release: Release, document: Any, options: Any) -> Json:
        if "secret" in document.content:
            raise RuntimeError(document.content)
        return classify(release, document, options)

    monkeypatch.setattr("service.streaming.classify", fail_on_secrets)
    body = _body({"text": QUIET}, {"document_id": "x", "text": "secret words"}, {"text": QUIET})
    good, problem = _lines(_stream(app.test_client(), [body[:100], body[100:], body]))
    assert good["model_version"]
    assert (problem["document_id"], problem["line"], problem["error"]["status"]) == ("x", 2, 500)
    assert problem["error"]["instance"] == "stream"
    printed = "".join(capsys.readouterr())
    assert "RuntimeError" in printed
    for place in (json.dumps(problem), printed):
        assert "secret" not in place
        assert "Traceback" not in place


class _Counted(Metrics):
    def __init__(self) -> None:
        self.requests: list[tuple[str | None, str, int, float]] = []
        self.counted: list[Json] = []

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        self.requests.append((route, method, status, seconds))

    def results(self, results: Any) -> None:
        self.counted.extend(results)


def test_every_document_and_request_is_counted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream's results are counted as they are made, the stream itself at its end, apart from other requests."""
    counted = _Counted()
    for place in ("app", "classify", "streaming"):
        monkeypatch.setattr(f"service.{place}.metrics", counted)
    answer = _stream(client, _body(*DOCUMENTS, b"no"), buffered=False)
    assert not counted.requests
    lines = _lines(answer)
    answer.close()
    assert counted.counted == lines
    (request,) = counted.requests
    assert request[:3] == ("/classify (stream)", "POST", 200)
    logged = capsys.readouterr().out.splitlines()[-1]
    assert re.search(r"documents\W+5\b.*id\W+stream|id\W+stream.*documents\W+5\b", logged)
    client.post("/classify", json={"documents": DOCUMENTS})
    client.post("/classify", json=DOCUMENTS[0])
    client.get("/nothing")
    assert [line.get("document_id") for line in counted.counted[5:]] == ["a", "b", None, "d", "a"]
    assert [request[:3] for request in counted.requests[1:]] == [("/classify", "POST", 200)] * 2 + [(None, "GET", 404)]
