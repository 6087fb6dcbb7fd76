"""Errors as RFC 9457 problem documents: one shape for everything that goes wrong, with no word of a document in it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from flask import Flask, Response, g
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException

from models.errors import InputError, WiretagError
from service.problem_kinds import KINDS

log = structlog.get_logger()

_SLUGS = {kind.status: kind.slug for kind in reversed(KINDS)}  # of several kinds of a status the first is the usual one
_DETAILS = {
    404: "there is nothing at this address; POST a document to /classify",
    405: "this address does not take that method",
}


class Problem(Exception):
    """A request that ends in an error response. `pointers` are (JSON pointer, what is wrong there).

    `kind` is the name of the error's kind where it is not the usual one of its status.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        pointers: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
        kind: str | None = None,
    ):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.pointers = tuple(pointers)
        self.headers = headers or {}
        self.kind = kind or _SLUGS.get(status, "error")

    def document(self) -> dict[str, Any]:
        """The problem document."""
        body: dict[str, Any] = {
            "type": f"/docs/errors#{self.kind}",
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
    app.register_error_handler(ParseException, lambda _: Problem(400, "the body's chunks are not those of HTTP").response())
    app.register_error_handler(Exception, lambda error: unexpected(error).response())


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, ClientDisconnected) and isinstance(error.__context__, OSError):
        is_slow = isinstance(error.__context__, TimeoutError)
        return Problem(408 if is_slow else 400, error.__context__.strerror or "the body ended early").response()
    status = error.code or 500
    headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if hasattr(error, "valid_methods") else {}
    return Problem(status, _DETAILS.get(status, error.name.lower()), headers=headers).response()


def unexpected(error: Exception) -> Problem:
    """The problem that an error of ours is, after a line in the log."""
    # the place, not the message or the stack: either may hold words of a document
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "unknown"
    log.error("unexpected_error", error=type(error).__name__, place=place, request_id=g.get("request_id"))
    detail = (
        "the model failed" if isinstance(error, WiretagError) else "an error of ours; the log has its place under this instance"
    )
    return Problem(500, detail)
