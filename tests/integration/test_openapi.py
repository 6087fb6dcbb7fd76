"""The description of the API: whole, valid, and true of what is answered."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Request
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from models.release import Release
from service import answers, inference, tensors
from service.app import create_app
from service.description import addresses, describe
from service.problem_kinds import STATUSES
from service.problems import Problem
from service.settings import Settings
from service.wire import read_query

PAGES = Path(__file__).resolve().parents[1] / "data" / "pages"
SANCTIONS = (
    "The US Treasury on Thursday imposed sanctions on two banks and froze the assets of their owners, saying that they had helped "
    "the sanctioned ministry evade an oil embargo."
)
PAGE = (PAGES / "cards.txt").read_text(encoding="utf-8")
INFER = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [SANCTIONS]}]}
NOT_PROMISED = {
    "Content-Type",
    "Content-Length",
    "Cache-Control",
    "Content-Security-Policy",
    "Referrer-Policy",
}  # of HTTP, not of ours


@pytest.fixture(scope="module")
def description(release: Release) -> Any:
    return create_app(Settings(), release).test_client().get("/openapi.json").json


def test_it_is_openapi(description: Any) -> None:
    """Tools that read OpenAPI 3.1 read this."""
    validate(description)
    assert description["openapi"].startswith("3.1")


def test_every_address_is_described(client: FlaskClient, description: Any) -> None:
    """Nothing can be called that is not described, and nothing is described that cannot be called."""
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower()) for rule, method in addresses(client.application)
    }
    assert routed == {(path, method) for path, methods in description["paths"].items() for method in methods}
    ids = [each["operationId"] for methods in description["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids))


def test_it_knows_the_running_service(release: Release) -> None:
    """Limits are those that are set, topics those of the model that serves; without a model they are any string."""
    app = create_app(Settings(max_characters=77, max_documents=5), release)
    schemas = app.test_client().get("/openapi.json").json["components"]["schemas"]
    assert schemas["Text"]["maxLength"] == 77
    assert schemas["Documents"]["maxItems"] == 5
    assert schemas["TopicId"]["enum"] == [topic.id for topic in release.topics]
    app.extensions["wiretag_model"].release = None
    assert "enum" not in app.test_client().get("/openapi.json").json["components"]["schemas"]["TopicId"]


def test_exactly_one_form_of_a_document_is_asked_for(description: Any) -> None:
    """A body holds text, page, html or documents, and no two of them."""
    forms = description["components"]["schemas"]["RequestBody"]["oneOf"]
    assert [form["required"] for form in forms] == [["text"], ["page"], ["html"], ["documents"]]
    assert all(form["properties"]["headline"]["type"] == "null" for form in forms[1:])
    assert {name for form in forms for name in form["properties"]} == set(tensors.RequestDocument.__struct_fields__) | {
        *("documents", "explain", "limit", "topics", "duplicates")
    }


def test_every_described_error_is_explained(description: Any) -> None:
    """The kind of each error that an operation may answer stands in /docs/errors."""
    described = {int(re.findall(r"\d+$", name)[0]) for name in description["components"]["responses"]}
    assert described <= STATUSES


Call = Callable[[FlaskClient], TestResponse]
ANSWERS: dict[str, tuple[Call, Any]] = {
    "text": (lambda c: c.post("/classify", json={"text": SANCTIONS, "headline": "EU", "document_id": "a"}), answers.Result),
    "explained": (lambda c: c.post("/classify", json={"text": SANCTIONS, "explain": True}), answers.Result),
    "nothing": (lambda c: c.post("/classify", json={"text": "Le chat est sur la table et il dort."}), answers.Result),
    "page": (lambda c: c.post("/classify", json={"page": PAGE, "explain": True, "duplicates": True}), answers.Result),
    "furniture": (lambda c: c.post("/classify", json={"page": "Sign in\nSubscribe\n"}), answers.Result),
    "html": (lambda c: c.post("/classify", data=f"<h1>EU</h1><p>{SANCTIONS}</p>", content_type="text/html"), answers.Result),
    "several": (
        lambda c: c.post(
            "/classify", json={"documents": [{"text": SANCTIONS}, {"text": SANCTIONS}, {"page": PAGE}, {}], "duplicates": True}
        ),
        answers.Results,
    ),
    "topics": (lambda c: c.get("/topics"), answers.Topics),
    "model": (lambda c: c.get("/model"), answers.Model),
    "alive": (lambda c: c.get("/healthz"), answers.Alive),
    "ready": (lambda c: c.get("/readyz"), answers.Ready),
    "problem": (lambda c: c.get("/nothing"), answers.ProblemDocument),
    "problem with a place": (lambda c: c.post("/classify", json={"text": ""}), answers.ProblemDocument),
    "server": (lambda c: c.get("/v2"), inference.Server),
    "live": (lambda c: c.get("/v2/health/live"), inference.Live),
    "server ready": (lambda c: c.get("/v2/health/ready"), inference.ServerReady),
    "model ready": (lambda c: c.get("/v2/models/wiretag/ready"), inference.ModelReady),
    "metadata": (lambda c: c.get("/v2/models/wiretag"), inference.ModelMetadata),
    "inference": (lambda c: c.post("/v2/models/wiretag/infer", json=INFER), tensors.InferResponse),
    "inference error": (lambda c: c.post("/v2/models/wiretag/infer"), inference.InferenceError),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_have_their_types(client: FlaskClient, case: str) -> None:
    """The plain dicts that the views build have every member of the type that describes them, and no other."""
    call, type_ = ANSWERS[case]
    answer = call(client)
    msgspec.convert(answer.json, type_)
    for result in answer.json.get("results", ()):
        msgspec.convert(result, answers.UnusableDocument if "error" in result else answers.Result)


@pytest.mark.parametrize("case", ANSWERS)
def test_headers_are_described(client: FlaskClient, description: Any, case: str) -> None:
    """Every header that we promise stands in the description of its response, and those described as always there are."""
    answer = ANSWERS[case][0](client)
    if answer.request.path == "/nothing":
        return
    described = description["paths"][answer.request.path][answer.request.method.lower()]["responses"][str(answer.status_code)]
    if reference := described.get("$ref"):
        described = description["components"]["responses"][reference.rpartition("/")[2]]
    assert set(answer.headers.keys()) - NOT_PROMISED <= described["headers"].keys()
    required = {name for name in described["headers"] if description["components"]["headers"].get(name, {}).get("required")}
    assert required <= set(answer.headers.keys())


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    since: datetime | None = None
    limit: int = 5


@pytest.mark.parametrize(
    "query", ["since=null", "since=0.5", "since=", "limit=1&limit=2", "limit=null", "colour=red", "limit=x"]
)
def test_options_in_an_address_are_what_they_are_described_as(query: str) -> None:
    """No option is taken that its type does not admit, and none that says two things."""
    assert read_query(Request({"QUERY_STRING": "since=2026-11-22T05:00:00Z"}), _Options).limit == 5
    with pytest.raises(Problem):
        read_query(Request({"QUERY_STRING": query}), _Options)


def test_a_view_without_a_mark_is_named() -> None:
    """Whoever forgets to describe a view learns which."""
    app = create_app(Settings())
    app.add_url_rule("/forgotten", view_func=lambda: "")
    with pytest.raises(LookupError, match="GET /forgotten"):
        describe(app, Settings(), None)
