"""What is served and whether it can serve: /topics, /model, /healthz, /readyz."""

from flask import Blueprint, Response, current_app

from models import kernels
from service.answers import Alive, Model, Ready, Topics
from service.keys import needs
from service.model import Serving, serving
from service.openapi import operation
from service.wire import json_response

blueprint = Blueprint("operations", __name__)


@blueprint.get("/topics")
@operation("Topics of the serving model", answer=Topics)
def topics() -> Response:
    """The topics of the serving model, with their definitions and thresholds."""
    release = serving()
    listed = [
        {**topic.as_dict(), "threshold": cut.threshold, "review_from": cut.review}
        for topic, cut in zip(release.topics, release.cuts, strict=True)
    ]
    return json_response({"model_version": release.version, "topics": listed})


@blueprint.get("/model")
@operation("The serving model", answer=Model)
def model() -> Response:
    """The manifest and figures of the serving model, and which kernel scores with it."""
    return json_response({**serving().manifest, "kernel": kernels.name()})


@blueprint.get("/healthz")
@needs(None)
@operation("Alive", answer=Alive)
def healthz() -> Response:
    """200 while the process answers at all."""
    return json_response({"status": "alive"})


@blueprint.get("/readyz")
@needs(None)
@operation("Ready", answer=Ready)
def readyz() -> Response:
    """200 only when a model is loaded and its self-test passed; loading runs the self-test.

    `refused` says what is wrong with a release that was asked for later and is not served.
    """
    release = serving()
    held: Serving = current_app.extensions["wiretag_model"]
    refused = {"refused": held.fault} if held.fault else {}
    return json_response({"status": "ready", "model_version": release.version, **refused})
