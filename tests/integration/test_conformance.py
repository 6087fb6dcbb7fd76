"""The service does what its description says: schemathesis sends valid and broken requests to every operation, with all checks."""

import json
import logging
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
import structlog
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection

from service.app import create_app
from service.settings import Settings

EXAMPLES = 500 if os.environ.get("CI") else 50  # an operation
LENGTH = "Inference-Header-Content-Length"
_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).map(lambda text: f"Sanctions {text}")

LIMITS = Settings(max_characters=300, max_documents=4, max_body=500_000)  # low enough to be met and passed


def _closing(app: Flask) -> Callable[..., Any]:
    """The app behind what every server does and schemathesis does not: it closes a response that it has sent."""

    def call(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        response = app(environ, start_response)
        try:
            return list(response)
        finally:
            getattr(response, "close", lambda: None)()

    return call


described = schemathesis.openapi.from_wsgi("/openapi.json", _closing(create_app(LIMITS)))  # the test has a case an operation
_rejection = described.config.checks.negative_data_rejection
_rejection.expected_statuses = [*_rejection.expected_statuses, "413"]  # broken, and too long to find that out


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No log lines: there would be thousands."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def _binary_request(texts: list[str]) -> bytes:
    raw = b"".join(struct.pack("<I", len(each)) + each for each in map(str.encode, texts))
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    return json.dumps({"inputs": [tensor]}).encode() + raw


schemathesis.openapi.media_type("application/octet-stream", st.lists(_WORDS, min_size=1, max_size=4).map(_binary_request))

_LINE = _WORDS.map(lambda text: json.dumps({"text": text}).encode())
schemathesis.openapi.media_type("application/x-ndjson", st.lists(_LINE | st.binary(max_size=30), max_size=4).map(b"\n".join))


@described.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case) -> None:
    """Whatever is sent, status, content type, headers and body are described; valid requests are taken, broken ones refused."""
    if case.meta.generation.mode.is_positive:
        _agree(case)
    case.call_and_validate(excluded_checks=[negative_data_rejection] if _is_text_all_the_same(case) else [])


def _is_text_all_the_same(case: schemathesis.Case) -> bool:
    """A number or object sent as text/html is a text like any other; schemathesis knows that of text/plain alone."""
    return case.media_type == "text/html" and not isinstance(case.body, str)


def _agree(case: schemathesis.Case) -> None:
    """Make a valid request obey the rules between its parts that OpenAPI has no words for; the descriptions state them."""
    if case.path == "/classify":
        if case.media_type == "application/json":
            case.query = {}  # options stand in the body
        elif case.media_type == "application/x-ndjson":
            case.query.pop("as", None)  # each line says what it is
        elif "as" in case.query:
            case.query["as"] = "html" if case.media_type == "text/html" else "page"
    elif case.path == "/corrections":
        case.headers.pop("Idempotency-Key", None)  # used again with another correction it is refused
    elif case.path.endswith("/infer"):
        if case.media_type == "application/octet-stream":
            head = case.body.index(b"}]}") + 3
            case.headers[LENGTH] = str(head)
        else:
            case.headers.pop(LENGTH, None)
            (tensor,) = case.body["inputs"]
            tensor.setdefault("data", ["Sanctions"])
            tensor["shape"] = [len(tensor["data"])]
            tensor.pop("parameters", None)
