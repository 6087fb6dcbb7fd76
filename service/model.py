"""The model that this process serves."""

from dataclasses import dataclass

import structlog
from flask import Flask, current_app, g

from models.errors import ReleaseError
from models.registry import load_model
from models.release import Release, with_prior
from service.metrics import metrics
from service.problems import Problem
from service.settings import Settings

log = structlog.get_logger()
RETRY_AFTER = "5"  # seconds


@dataclass(slots=True)
class Serving:
    """The loaded model, or None, and what was wrong with the one that was asked for last."""

    release: Release | None
    fault: str | None = None


def init_app(app: Flask, settings: Settings, release: Release | None) -> None:
    """Give the app its model: the one handed in, else the one its settings name.

    Without a sound model the app starts all the same: it answers 503 and says why in its log and at /readyz.
    """
    fault = None
    if release is None:
        try:
            release = with_prior(load_model(settings.model), settings.shares)
        except ReleaseError as error:
            fault = str(error)
            log.error("model_refused", fault=fault)
    app.extensions["wiretag_model"] = Serving(release, fault)
    metrics.serves(release.version if release else None)


def serving() -> Release:
    """The loaded model; the response will carry its version. Raises a 503 problem when there is none."""
    held: Serving = current_app.extensions["wiretag_model"]
    release = held.release
    if release is None:
        raise Problem(503, "no model is loaded; the log says why", headers={"Retry-After": RETRY_AFTER})
    g.model_version = release.version
    return release
