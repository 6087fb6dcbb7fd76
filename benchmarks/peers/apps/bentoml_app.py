"""The scikit-learn pipeline in BentoML with adaptive batching, which serves it best. Imports nothing of this project."""

import os

import bentoml
import joblib


@bentoml.service(workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    """Serves the pipeline of the file that MODEL names."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=512, max_latency_ms=60_000)
    def classify(self, texts: list[str]) -> list[list[float]]:
        """The scores of texts, one row a text."""
        return self.pipeline.predict_proba(texts).tolist()
