"""What is served and whether it can serve: /topics, /model, /healthz, /readyz."""

from typing import Any

from flask import Blueprint, Response

from service.model import serving, state
from service.problems import Problem
from service.schema import encode

blueprint = Blueprint("operations", __name__)


@blueprint.get("/topics")
def topics() -> Response:
    """The topics of the serving model, with their definitions and thresholds."""
    release = serving()
    listed = [
        {**topic.as_dict(), "threshold": cut.threshold, "review_from": cut.review}
        for topic, cut in zip(release.topics, release.cuts, strict=True)
    ]
    return _json({"model_version": release.version, "topics": listed})


@blueprint.get("/model")
def model() -> Response:
    """The manifest and figures of the serving model."""
    return _json(dict(serving().manifest))


@blueprint.get("/healthz")
def healthz() -> Response:
    """200 while the process answers at all."""
    return _json({"status": "alive"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """200 only when a model is loaded and its self-test passed; loading runs the self-test."""
    release = state().release
    if release is None:
        raise Problem(503, "no model is loaded; the log says why", headers={"Retry-After": "5"})
    return _json({"status": "ready", "model_version": release.version})


def _json(value: dict[str, Any]) -> Response:
    return Response(encode(value), content_type="application/json")
