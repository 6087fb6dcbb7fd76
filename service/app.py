"""The application factory."""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response
from flask.globals import app_ctx

from models.release import Release
from service import (
    access,
    classify,
    console,
    corrections,
    documentation,
    drift,
    exposition,
    inference,
    limits,
    model,
    operations,
    problems,
    rates,
    releases,
    reload,
    review,
    store,
    streaming,
    traces,
)
from service.metrics import metrics
from service.settings import Settings
from service.wire import check_query, make_types_ready, new_request_id, this_request

log = structlog.get_logger()
_HEADERS = (  # of every response; a view may set its own instead, with names written as here
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),  # an answer may hold a document's text
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _App(Flask):
    """Flask without a look, at every call, whether a function is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def create_app(settings: Settings | None = None, release: Release | None = None) -> Flask:
    """The WSGI application. Without `settings` they come from the environment, without `release` it is loaded."""
    settings = settings or Settings.from_environment()
    app = _App(__name__, static_folder=None)
    app.config["WIRETAG_SETTINGS"] = settings
    # one more, so that a body cut at the limit is told from a whole one
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1
    app.url_map.merge_slashes = False  # a doubled slash is another address, not a redirect
    problems.init_app(app)
    model.init_app(app, settings, release)
    streaming.init_app(app, settings)
    store.init_app(app, settings)
    review.init_app(app, settings)
    app.register_blueprint(classify.blueprint)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(corrections.blueprint)
    app.register_blueprint(review.blueprint)
    app.register_blueprint(documentation.blueprint)
    app.register_blueprint(inference.blueprint)
    app.register_blueprint(console.blueprint)
    app.register_blueprint(exposition.blueprint)
    app.register_blueprint(drift.blueprint)
    app.register_blueprint(releases.blueprint)
    metrics.init_app(app, settings.drift_hours)
    reload.init_app(app, settings)
    app.before_request(_begin)
    limits.init_app(app, settings)
    app.after_request(_finish)
    traces.init_app(app, settings)
    access.init_app(app, settings)
    rates.init_app(app, settings)
    app.wsgi_app = partial(_with_headers, app.wsgi_app)  # type: ignore[method-assign] # the way Flask names for middleware
    make_types_ready()
    return app


def _with_headers(serve: Any, environ: Any, start_response: Any) -> Any:
    """Serve with the headers that every response has."""

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        present = {name for name, _ in headers}
        headers += [header for header in _HEADERS if header[0] not in present]
        return start_response(status, headers, *error)

    return serve(environ, start)


def _begin() -> None:
    asked, of = this_request(), app_ctx.g
    given = asked.headers.get("X-Request-ID", "")
    of.request_id = given if _REQUEST_ID.fullmatch(given) else new_request_id()
    of.started = time.perf_counter()
    check_query(asked)


def _finish(response: Response) -> Response:
    asked, of = this_request(), app_ctx.g
    response.headers.add("X-Request-ID", of.request_id)
    if version := of.get("model_version"):
        response.headers.add("X-Model-Version", version)
    route = asked.url_rule.rule if asked.url_rule else None
    record = partial(_record, of, route, asked.method, response.status_code, response.is_streamed)
    if response.is_streamed:
        response.call_on_close(record)  # only then is known how long it took
    else:
        record()
    return response


def _record(of: Any, route: str | None, method: str, status: int, is_streamed: bool) -> None:
    """Log and count a request; `of` is what `g` was while it was answered."""
    seconds = time.perf_counter() - of.started
    # a stream lasts as long as its client likes: its time is apart from that of other requests
    metrics.request(f"{route} (stream)" if is_streamed else route, method, status, seconds)
    log.info(
        "request",
        id=of.request_id,
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        documents=of.get("documents", 0),
        model_version=of.get("model_version"),
        key=of.get("key_name"),
    )
