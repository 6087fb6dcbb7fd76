"""The application factory."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from models.release import Release
from service import classify, limits, model, operations, problems, releases, reload
from service.settings import Settings

log = structlog.get_logger()
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_app(settings: Settings | None = None, release: Release | None = None) -> Flask:
    """The WSGI application. Without `settings` they come from the environment, without `release` it is loaded."""
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["WIRETAG_SETTINGS"] = settings
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    problems.init_app(app)
    model.init_app(app, settings, release)
    reload.init_app(app, settings)
    app.register_blueprint(classify.blueprint)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(releases.blueprint)
    app.before_request(_begin)
    limits.init_app(app, settings)
    app.after_request(_finish)
    return app


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    if version := g.get("model_version"):
        response.headers["X-Model-Version"] = version
    log.info(
        "request",
        id=g.request_id,
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round((time.perf_counter() - g.started) * 1000, 2),
        documents=g.get("documents", 0),
        model_version=version,
    )
    return response
