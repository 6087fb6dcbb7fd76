"""What most people write: a joblib file behind Flask. Imports nothing of this project."""

from typing import Any

import joblib
from flask import Flask, request


def create_app(model: str) -> Flask:
    """The application that serves a pipeline."""
    pipeline = joblib.load(model)
    app = Flask(__name__)

    @app.post("/classify")
    def classify() -> Any:
        return {"scores": pipeline.predict_proba(request.get_json()["texts"]).tolist()}

    return app
