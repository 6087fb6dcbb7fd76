"""fastText behind Flask; `python fasttext_app.py CORPUS MODEL` trains it. Imports nothing of this project."""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import fasttext
from flask import Flask, request

N_TOPICS = 5
SETTINGS = {"loss": "ova", "epoch": 5, "lr": 0.3, "wordNgrams": 2, "dim": 64, "bucket": 200_000}


def line(text: str) -> str:
    """A text as fastText reads it."""
    return " ".join(re.findall(r"\w+", text.lower()))


def create_app(model: str) -> Flask:
    """The application that serves a model."""
    classifier = fasttext.load_model(model)
    app = Flask(__name__)

    @app.post("/classify")
    def classify() -> Any:
        labels, scores = classifier.predict([line(text) for text in request.get_json()["texts"]], k=N_TOPICS)
        return {"topics": labels, "scores": [each.tolist() for each in scores]}

    return app


def train(corpus: str, model: str) -> None:
    """Fit and write."""
    rows = [json.loads(row) for row in Path(corpus).read_text(encoding="utf-8").splitlines()]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        for row in rows:
            labels = " ".join(f"__label__{topic}" for topic in row["topics"]) or "__label__none"
            file.write(f"{labels} {line(row['text'])}\n")
        file.flush()
        fasttext.train_supervised(file.name, thread=1, seed=1, verbose=0, **SETTINGS).save_model(model)


if __name__ == "__main__":
    train(*sys.argv[1:])
