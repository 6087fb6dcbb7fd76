"""The application for another WSGI server than the one that `wiretag serve` brings: see `docs/serving.md`."""

from flask import Flask

from service.app import create_app
from service.reload import reloader
from service.server import configure_logs


def create() -> Flask:
    """The application with its logs and its settings from the environment, keeping its model to what they name.

    To be called by each worker for itself, not before a fork. Raises `InputError` for a setting that cannot be used; without a
    sound model the application answers 503 and says why in its log.
    """
    configure_logs()
    app = create_app()
    reloader(app).start()
    return app
