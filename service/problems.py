"""Errors as RFC 9457 problem documents: one shape for everything that goes wrong, with no word of a document in it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from models.errors import InputError, WiretagError

log = structlog.get_logger()


class Kind(NamedTuple):
    """One kind of error: its name in `type`, when it comes and what to do. /docs/errors and docs/errors.md are made of it."""

    slug: str
    when: str
    remedy: str


KINDS = {
    400: Kind(
        "malformed-request", "not JSON, not UTF-8, the wrong shape, an unknown option", "mend the request at the pointer"
    ),
    404: Kind("not-found", "no such address", "see the table of addresses"),
    405: Kind("method-not-allowed", "the address takes another method", "see `Allow`"),
    413: Kind("too-large", "the body is over `WIRETAG_MAX_BODY`", "send fewer or shorter documents a request"),
    415: Kind(
        "unsupported-content-type", "neither JSON, plain text nor HTML, or not in UTF-8, or compressed", "set `Content-Type`"
    ),
    422: Kind(
        "unusable-document",
        "well-formed but unusable: blank text, a NUL character, too long, too many, an unknown topic",
        "mend or drop the document",
    ),
    500: Kind("internal-error", "an error of ours", "report the `instance`; the log has its place"),
    503: Kind("not-ready", "no model is loaded", "wait `Retry-After` seconds; the log says what is wrong with the model"),
}
_DETAILS = {
    404: "there is nothing at this address; POST a document to /classify",
    405: "this address does not take that method",
}


class Problem(Exception):
    """A request that ends in an error response. `pointers` are (JSON pointer, what is wrong there)."""

    def __init__(
        self,
        status: int,
        detail: str,
        pointers: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
    ):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.pointers = tuple(pointers)
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """The problem document."""
        body: dict[str, Any] = {
            "type": f"/docs/errors#{KINDS[self.status].slug if self.status in KINDS else 'error'}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": g.get("request_id"),
        }
        if self.pointers:
            body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.pointers]
        return body

    def response(self) -> Response:
        """The error response."""
        body = msgspec.json.encode(self.document())
        return Response(body, self.status, headers=self.headers, content_type="application/problem+json")


def problem_of(error: InputError, prefix: str = "") -> Problem:
    """The problem that an unusable document or option is."""
    pointer = prefix + error.pointer
    return Problem(422, str(error), [(pointer, str(error))] if pointer else [])


def init_app(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    app.register_error_handler(Problem, Problem.response)
    app.register_error_handler(InputError, lambda error: problem_of(error).response())
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if hasattr(error, "valid_methods") else {}
    return Problem(status, _DETAILS.get(status, error.name.lower()), headers=headers).response()


def _unexpected(error: Exception) -> Response:
    # the place, not the message or the stack: either may hold words of a document
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "unknown"
    log.error("unexpected_error", error=type(error).__name__, place=place, request_id=g.get("request_id"))
    detail = (
        "the model failed" if isinstance(error, WiretagError) else "an error of ours; the log has its place under this instance"
    )
    return Problem(500, detail).response()
