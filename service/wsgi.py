"""The application for another WSGI server than the one that `wiretag serve` brings: see `docs/serving.md`."""

from flask import Flask

from service.app import create_app
from service.reload import reloader
from service.server import configure_logs


def create() -> Flask:
    """The application with its logs, its settings from the environment.

    Raises `InputError` for a setting that cannot be used. Without a sound model it answers 503 and says why in its log.
    """
    configure_logs()
    app = create_app()
    reloader(app).start()
    return app
