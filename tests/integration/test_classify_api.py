"""POST /classify: every form of the contract, and what happens to what breaks it."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models.release import Release
from service.app import create_app
from service.settings import Settings

PAGES = Path(__file__).resolve().parents[1] / "data" / "pages"
SANCTIONS = (
    "The US Treasury on Thursday imposed sanctions on two banks and froze the assets of their owners, saying that they had helped "
    "the sanctioned ministry evade an oil embargo. The European Union said it would extend its own sanctions by six months."
)
QUIET = "The council said on Monday that the swimming pool would be closed until the roof had been repaired."


def _post(client: FlaskClient, body: Any) -> Any:
    return client.post("/classify", json=body)


def test_one_text(client: FlaskClient) -> None:
    """A text comes back with its topics, scores, thresholds and decisions."""
    result = _post(client, {"text": SANCTIONS, "document_id": "a1"}).json
    (topic,) = [topic for topic in result["topics"] if topic["decision"] == "assigned"]
    assert (topic["topic"], topic["label"], topic["uri"]) == ("sanctions", "Sanctions", None)
    assert topic["threshold"] <= topic["score"] <= 1
    assert (result["document_id"], result["none"], result["reason"]) == ("a1", False, None)
    assert (result["segments"], result["warnings"]) == ([], [])


def test_none_is_a_full_answer(client: FlaskClient) -> None:
    """A text about none of the topics says so and why."""
    result = _post(client, {"text": QUIET}).json
    assert result["none"] is True
    assert result["reason"] == "below_threshold"
    assert not [topic for topic in result["topics"] if topic["decision"] == "assigned"]


def test_a_headline_counts(client: FlaskClient) -> None:
    """A headline beside the text is read with it."""
    alone = _post(client, {"text": QUIET, "topics": ["sanctions"]}).json["topics"][-1]["score"]
    headed = _post(client, {"text": QUIET, "headline": "EU extends sanctions", "topics": ["sanctions"]}).json["topics"][0][
        "score"
    ]
    assert headed > alone


def test_named_topics_are_shown_in_any_case(client: FlaskClient, release: Release) -> None:
    """A client can ask for scores that are neither assigned nor for review."""
    ids = [topic.id for topic in release.topics]
    shown = _post(client, {"text": QUIET, "topics": ids}).json["topics"]
    assert sorted(topic["topic"] for topic in shown) == sorted(ids)
    assert {topic["decision"] for topic in shown} <= {"none", "review"}
    assert [topic["score"] for topic in shown] == sorted((topic["score"] for topic in shown), reverse=True)


def test_limit(client: FlaskClient, release: Release) -> None:
    """At most so many topics a text."""
    ids = [topic.id for topic in release.topics]
    for limit in (2, 2.0):  # one number in JSON
        assert len(_post(client, {"text": SANCTIONS, "topics": ids, "limit": limit}).json["topics"]) == 2


def test_evidence_is_exact(client: FlaskClient) -> None:
    """Every shown word stands where it is said to stand, and the arithmetic comes out."""
    body = {"text": SANCTIONS, "headline": "Banks sanctioned", "explain": True}
    topic = _post(client, body).json["topics"][0]
    for found in topic["evidence"]:
        field = body[found["field"]]
        assert field[found["start"] : found["end"]] == found["text"]
    total = topic["bias"] + topic["omitted"] + sum(found["contribution"] for found in topic["evidence"])
    assert total == pytest.approx(topic["margin"], abs=1e-9)
    assert {"headline", "text"} == {found["field"] for found in topic["evidence"]}


def test_a_page_is_cut_and_its_main_segment_speaks_for_it(client: FlaskClient) -> None:
    """Related stories cannot raise false topics: they have their own list."""
    page = f"Swimming pool stays shut\n{QUIET}\nComments\n\nDaily Ledger\n2 hours ago\n- Daily Ledger\nBanks under sanctions\n{SANCTIONS}\n"
    result = _post(client, {"page": page, "explain": True}).json
    assert [segment["role"] for segment in result["segments"]] == ["main", "related"]
    assert result["none"] is True
    assert [t["topic"] for t in result["related_topics"] if t["decision"] == "assigned"] == ["sanctions"]
    related = result["segments"][1]
    assert (related["source"], related["published"], related["headline"]) == (
        "Daily Ledger",
        "2 hours ago",
        "Banks under sanctions",
    )
    assert related["text"] == "\n".join(page[start:end] for start, end in related["spans"])
    for found in related["topics"][0]["evidence"]:
        assert page[found["start"] : found["end"]] == found["text"]


def test_html_is_read_and_its_text_returned(client: FlaskClient) -> None:
    """Spans of an HTML page point into the `page` that comes back with them."""
    html = f"<html><body><nav>Home</nav><h1>Banks under sanctions</h1><p>{SANCTIONS}</p><footer>Contact</footer></body></html>"
    for result in (
        _post(client, {"html": html}).json,
        client.post("/classify", data=html, content_type="text/html").json,
    ):
        (segment,) = result["segments"]
        assert segment["text"] == "\n".join(result["page"][start:end] for start, end in segment["spans"])
        assert segment["headline"] == "Banks under sanctions"
        assert result["topics"][0]["topic"] == "sanctions"


def test_plain_text_bodies(client: FlaskClient) -> None:
    """curl --data-binary of a file is enough."""
    as_text = client.post("/classify", data=SANCTIONS, content_type="text/plain; charset=utf-8").json
    assert as_text["topics"][0]["topic"] == "sanctions"
    page = (PAGES / "cards.txt").read_bytes()
    as_page = client.post("/classify?as=page&explain=true&topics=sanctions&limit=1", data=page, content_type="text/plain").json
    assert [segment["role"] for segment in as_page["segments"]] == ["main", "related", "related"]
    assert as_page["topics"][0]["margin"]


def test_furniture_alone_has_no_main_segment(client: FlaskClient) -> None:
    """A page without a story says so."""
    result = _post(client, {"page": "Sign in\nSubscribe\nComments\n"}).json
    assert (result["segments"], result["none"], result["reason"], result["warnings"]) == (
        [],
        True,
        "too_short",
        ["no_main_segment"],
    )


def test_documents_keep_their_order_and_spoil_nothing(client: FlaskClient) -> None:
    """A document that cannot be used gets its error in its place."""
    documents = [
        {"document_id": "good", "text": SANCTIONS},
        {"document_id": "empty", "text": " "},
        {"document_id": "typed", "text": 5},
        {"document_id": "both", "text": "a", "page": "b"},
        {"document_id": "nul", "text": "a\x00b"},
        {"document_id": "extra", "text": "a", "colour": "red"},
        7,
        {"document_id": "page", "page": SANCTIONS},
    ]
    answer = _post(client, {"documents": documents})
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [result["document_id"] for result in results] == [
        "good",
        "empty",
        "typed",
        "both",
        "nul",
        "extra",
        None,
        "page",
    ]
    problems = {result["document_id"]: result.get("error") for result in results}
    assert problems["good"] is None
    assert problems["page"] is None
    assert [problems[name]["status"] for name in ("empty", "typed", "both", "nul", "extra", None)] == [
        422,
        400,
        400,
        422,
        400,
        400,
    ]
    assert problems["nul"]["errors"][0]["pointer"] == "/documents/4/text"
    assert problems["typed"]["errors"][0]["pointer"] == "/documents/2/text"
    assert answer.json["model_version"] == results[0]["model_version"]


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "not JSON": ({"data": b"{", "content_type": "application/json"}, 400, ""),
    "no body": ({"data": b"", "content_type": "application/json"}, 400, ""),
    "raw null byte": ({"data": b'{"text": "a\x00"}', "content_type": "application/json"}, 400, ""),
    "invalid UTF-8": ({"data": b'{"text": "\xff"}', "content_type": "application/json"}, 400, ""),
    "lone surrogate": ({"data": rb'{"text": "\ud800"}', "content_type": "application/json"}, 400, ""),
    "plain invalid UTF-8": ({"data": b"\xff", "content_type": "text/plain"}, 400, ""),
    "a list": ({"json": [1]}, 400, ""),
    "wrong type": ({"json": {"text": 5}}, 400, "/text"),
    "wrong option type": ({"json": {"text": "a", "limit": "3"}}, 400, "/limit"),
    "unknown option": ({"json": {"text": "a", "colour": "red"}}, 400, ""),
    "unknown query option": (
        {"data": "a", "content_type": "text/plain", "query_string": "colour=red"},
        400,
        "",
    ),
    "query beside JSON": ({"json": {"text": "a"}, "query_string": "explain=true"}, 400, ""),
    "bad query limit": ({"data": "a", "content_type": "text/plain", "query_string": "limit=x"}, 400, ""),
    "fraction of a limit": ({"json": {"text": "a", "limit": 1.5}}, 400, "/limit"),
    "endless query limit": ({"data": "a", "content_type": "text/plain", "query_string": "limit=" + "9" * 5000}, 400, ""),
    "option given twice": ({"data": "a", "content_type": "text/plain", "query_string": "limit=1&limit=2"}, 400, ""),
    "compressed": ({"data": b"x", "content_type": "text/plain", "headers": {"Content-Encoding": "gzip"}}, 415, ""),
    "bad as": ({"data": "a", "content_type": "text/html", "query_string": "as=page"}, 400, ""),
    "nothing to classify": ({"json": {}}, 400, ""),
    "two forms": ({"json": {"text": "a", "page": "b"}}, 400, ""),
    "headline on a page": ({"json": {"page": "a", "headline": "b"}}, 400, "/headline"),
    "documents beside text": ({"json": {"text": "a", "documents": []}}, 400, ""),
    "empty text": ({"json": {"text": ""}}, 422, "/text"),
    "blank text": ({"json": {"text": " \n\t"}}, 422, "/text"),
    "blank page": ({"json": {"page": "\n"}}, 422, "/page"),
    "null character": ({"json": {"text": "a\x00b"}}, 422, "/text"),
    "unknown topic": ({"json": {"text": "a", "topics": ["colour"]}}, 422, "/topics"),
    "limit zero": ({"json": {"text": "a", "limit": 0}}, 422, "/limit"),
    "no documents": ({"json": {"documents": []}}, 422, "/documents"),
    "1,001 documents": ({"json": {"documents": [{"text": "a"}] * 1001}}, 422, "/documents"),
    "5 MB of text": ({"json": {"text": "word " * 1_000_000}}, 422, "/text"),
    "body over the limit": ({"data": b"a" * 10_000_001, "content_type": "text/plain"}, 413, ""),
    "form": ({"data": b"text=a", "content_type": "application/x-www-form-urlencoded"}, 415, ""),
    "no type": ({"data": b"a"}, 415, ""),
    "other charset": ({"data": b"a", "content_type": "text/plain; charset=utf-16"}, 415, ""),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_problem_document(client: FlaskClient, case: str) -> None:
    """Whatever is sent, the answer names the fault and the place, and quotes no document."""
    request, status, pointer = BAD[case]
    answer = client.post("/classify", **request)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    problem = json.loads(answer.data)
    assert problem["status"] == status
    assert problem["type"].startswith("/docs/errors#")
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.headers["X-Request-ID"]
    assert len(answer.data) < 1000
    if pointer:
        assert problem["errors"][0]["pointer"] == pointer


def test_nothing_changes_after_bad_input(client: FlaskClient) -> None:
    """The next request is answered as if nothing had happened."""
    before = _post(client, {"text": SANCTIONS}).json
    for request, _, _ in BAD.values():
        client.post("/classify", **request)
    assert _post(client, {"text": SANCTIONS}).json == before


def test_limits_are_settings(release: Release) -> None:
    """An operator sets what a request may hold."""
    client = create_app(Settings(max_documents=1, max_characters=10, max_body=200), release).test_client()
    assert _post(client, {"documents": [{"text": "a"}, {"text": "b"}]}).status_code == 422
    assert _post(client, {"text": "eleven char"}).status_code == 422
    assert _post(client, {"text": "a", "headline": "eleven char"}).status_code == 422
    assert _post(client, {"text": "a" * 300}).status_code == 413


def test_an_error_of_ours_tells_nobody_the_text(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the client nor the log sees a traceback or a word of the document."""

    def fail(*_: object) -> None:
        raise RuntimeError("secret words of the document")

    monkeypatch.setattr("service.classify.classify", fail)
    answer = app.test_client().post("/classify", json={"text": "secret words of the document"})
    printed = "".join(capsys.readouterr())
    assert answer.status_code == 500
    assert answer.json["type"] == "/docs/errors#internal-error"
    assert "RuntimeError" in printed
    for place in (answer.text, printed):
        assert "secret" not in place
        assert "Traceback" not in place


def test_near_duplicates_are_marked_on_request(client: FlaskClient) -> None:
    """The same story in two documents is marked on the second; nothing is marked unasked."""
    page = (PAGES / "cards.txt").read_text(encoding="utf-8")
    documents = [
        {"document_id": "a", "page": page},
        {"page": page},
        {"text": SANCTIONS},
        {"text": SANCTIONS + " They said."},
        {},
    ]
    results = _post(client, {"documents": documents, "duplicates": True}).json["results"]
    assert {segment["duplicate_of"] for segment in results[0]["segments"]} == {None}
    assert {segment["duplicate_of"] for segment in results[1]["segments"]} == {"a"}
    assert "duplicate_of" not in results[2]
    assert results[3]["duplicate_of"] == "documents/2"
    assert "error" in results[4]
    unasked = _post(client, {"documents": documents[:2]}).json["results"]
    assert {segment["duplicate_of"] for result in unasked for segment in result["segments"]} == {None}
    card = page[page.index("Coast Courier") :].replace("Ferry line adds", "Ferry company adds")
    alone = _post(client, {"page": f"{page}\n\n{card}", "duplicates": True}).json
    assert [segment["duplicate_of"] for segment in alone["segments"]] == [None, None, None, 1, 2]
