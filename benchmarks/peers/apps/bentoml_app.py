"""The scikit-learn pipeline in BentoML, as its guides have it. Imports nothing of this project."""

import os

import bentoml
import joblib


@bentoml.service(workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    """Serves the pipeline of the file that MODEL names."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def classify(self, texts: list[str]) -> list[list[float]]:
        """The scores of texts, one row a text."""
        return self.pipeline.predict_proba(texts).tolist()
