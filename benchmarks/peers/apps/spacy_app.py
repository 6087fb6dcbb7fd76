"""spaCy's bag of words behind Flask; `python spacy_app.py CORPUS MODEL` trains it. Imports nothing of this project."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import spacy
from flask import Flask, request
from spacy.training import Example
from spacy.util import minibatch

EPOCHS = 1  # only its speed is looked at
CONFIG = {
    "model": {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": False,
        "length": 262144,
        "ngram_size": 2,
        "no_output_layer": False,
    }
}


def create_app(model: str) -> Flask:
    """The application that serves a model."""
    nlp = spacy.load(model)
    app = Flask(__name__)

    @app.post("/classify")
    def classify() -> Any:
        return {"scores": [document.cats for document in nlp.pipe(request.get_json()["texts"])]}

    return app


def train(corpus: str, model: str) -> None:
    """Fit and write."""
    rows = [json.loads(line) for line in Path(corpus).read_text(encoding="utf-8").splitlines()]
    topics = sorted({topic for row in rows for topic in row["topics"]})
    nlp = spacy.blank("en")
    classifier = nlp.add_pipe("textcat_multilabel", config=CONFIG)
    for topic in topics:
        classifier.add_label(topic)
    examples = [
        Example.from_dict(nlp.make_doc(row["text"]), {"cats": {topic: topic in row["topics"] for topic in topics}})
        for row in rows
    ]
    optimizer = nlp.initialize(lambda: examples[:100])
    random.seed(1)
    for _ in range(EPOCHS):
        random.shuffle(examples)
        for batch in minibatch(examples, 64):
            nlp.update(batch, sgd=optimizer)
    nlp.to_disk(model)


if __name__ == "__main__":
    train(*sys.argv[1:])
