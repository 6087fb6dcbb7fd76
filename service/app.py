"""The application factory."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from models.release import Release
from service import access, classify, drift, exposition, model, operations, problems, rates, traces
from service.metrics import metrics
from service.settings import Settings

log = structlog.get_logger()
_HEADERS = (  # of every response; a view may set its own instead, with names written as here
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),  # an answer may hold a document's text
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_app(settings: Settings | None = None, release: Release | None = None) -> Flask:
    """The WSGI application. Without `settings` they come from the environment, without `release` it is loaded."""
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["WIRETAG_SETTINGS"] = settings
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    problems.init_app(app)
    model.init_app(app, settings, release)
    app.register_blueprint(classify.blueprint)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(exposition.blueprint)
    app.register_blueprint(drift.blueprint)
    metrics.init_app(app, settings.drift_hours)
    app.before_request(_begin)
    app.after_request(_finish)
    traces.init_app(app, settings)
    access.init_app(app, settings)
    rates.init_app(app, settings)
    return app


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    present = {name for name, _ in response.headers}
    for name, value in _HEADERS:
        if name not in present:
            response.headers.add(name, value)
    if version := g.get("model_version"):
        response.headers["X-Model-Version"] = version
    route, seconds = request.url_rule.rule if request.url_rule else None, time.perf_counter() - g.started
    metrics.request(route, request.method, response.status_code, seconds)
    log.info(
        "request",
        id=g.request_id,
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 2),
        documents=g.get("documents", 0),
        model_version=version,
        key=g.get("key_name"),
    )
    return response
