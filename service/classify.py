"""POST /classify."""

from typing import Any

from flask import Blueprint, Response, current_app, g

from models.duplicates import Seen
from models.errors import InputError
from models.pipeline import Document, Options, check_options, classify
from models.release import Release
from service import review
from service.answers import Result, Results
from service.keys import Role, needs
from service.limits import turns
from service.metrics import metrics
from service.model import serving
from service.openapi import operation
from service.problems import problem_of
from service.schema import STREAM_TYPE, Call, Lines, Query, RequestBody, Text, Unusable, read_call
from service.streaming import stream
from service.wire import json_response, this_request

blueprint = Blueprint("classify", __name__)


@blueprint.post("/classify")
@needs(Role.CLASSIFY)
@operation(
    "Classify one document or several",
    answer=(Result, Results),
    body=RequestBody,
    body_types={"text/plain": Text, "text/html": Text, STREAM_TYPE: Lines},
    answer_types={STREAM_TYPE: Lines},
    query=Query,
    example={"text": "The EU extended its sanctions on the bank.", "headline": "EU news", "explain": True},
    problems=(408, 422, 503),
)
def post() -> Response:
    """Classify one document, several, or a stream of them.

    A JSON body carries its options itself and goes without a query. A text or an HTML page may be the body as it is, with its
    options in the query.
    """
    at_work = turns()
    at_work.refuse_if_full()
    release = serving()
    settings = current_app.config["WIRETAG_SETTINGS"]
    asked = this_request()
    if asked.mimetype == STREAM_TYPE:
        return stream(release, settings)
    call = read_call(asked, settings)
    check_options(release, call.options)
    g.documents = len(call.documents)
    with at_work.turn() as deadline:
        if call.is_single:
            document = call.documents[0]
            assert isinstance(document, Document)  # read_call raises for a single document that is unusable
            result = classify(release, document, call.options)
            _mark_duplicates(call, [result])
            metrics.results([result])
            review.offer(call.documents, [result])
            return json_response(result)
        results = []
        for number, each in enumerate(call.documents):
            deadline.check()
            results.append(_result(release, each, f"/documents/{number}", call.options))
        _mark_duplicates(call, results)
        metrics.results(results)
        review.offer(call.documents, results)
        return json_response({"model_version": release.version, "results": results})


def _result(release: Release, document: Document | Unusable, pointer: str, options: Options) -> dict[str, Any]:
    """A document's result, or its error in its place."""
    if isinstance(document, Unusable):
        return {"document_id": document.document_id, "error": document.problem.document()}
    try:
        return classify(release, document, options)
    except InputError as error:
        return {"document_id": document.document_id, "error": problem_of(error, pointer).document()}


def _mark_duplicates(call: Call, results: list[dict[str, Any]]) -> None:
    """Mark the stories that repeat an earlier one of the request, where that was asked for."""
    if not call.duplicates:
        return
    seen = Seen()
    for number, (document, result) in enumerate(zip(call.documents, results, strict=True)):
        if isinstance(document, Document) and "error" not in result:
            seen.mark(result, document, document.document_id or f"documents/{number}")
