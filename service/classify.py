"""POST /classify."""

from typing import Any

from flask import Blueprint, Response, current_app, g, request

from models.duplicates import Seen
from models.errors import InputError
from models.pipeline import Document, Options, check_options, classify
from models.release import Release
from service.limits import turns
from service.model import serving
from service.problems import problem_of
from service.schema import Call, Unusable, json_response, read_call

blueprint = Blueprint("classify", __name__)


@blueprint.post("/classify")
def post() -> Response:
    """Classify one document or several."""
    turns().refuse_if_full()
    release = serving()
    call = read_call(request, current_app.config["WIRETAG_SETTINGS"])
    check_options(release, call.options)
    g.documents = len(call.documents)
    with turns().turn() as deadline:
        if call.is_single:
            document = call.documents[0]
            assert isinstance(document, Document)  # read_call raises for a single document that is unusable
            result = classify(release, document, call.options)
            _mark_duplicates(call, [result])
            return json_response(result)
        results = []
        for number, each in enumerate(call.documents):
            deadline.check()
            results.append(_result(release, each, f"/documents/{number}", call.options))
        _mark_duplicates(call, results)
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
