"""What is served, and whether it can serve."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from models.release import Release
from service.app import create_app
from service.settings import Settings


def test_topics(client: FlaskClient, release: Release) -> None:
    """A client learns the topics and their thresholds from the service itself."""
    topics = client.get("/topics").json["topics"]
    assert [topic["id"] for topic in topics] == [topic.id for topic in release.topics]
    assert all(topic["definition"] and 0 < topic["review_from"] <= topic["threshold"] < 1 for topic in topics)


def test_model(client: FlaskClient, release: Release) -> None:
    """The manifest and figures of the serving model can be read."""
    answer = client.get("/model")
    assert answer.json["version"] == release.version == answer.headers["X-Model-Version"]
    assert answer.json["evaluation"]["held_out_folds"]["macro_f1"] > 0
    assert len(answer.json["corpus"]["sha256"]) == 64


def test_alive_and_ready(client: FlaskClient, release: Release) -> None:
    """Ready means that a model is loaded and passed its self-test."""
    assert client.get("/healthz").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready", "model_version": release.version}


def test_without_a_model_the_service_is_alive_but_not_ready(tmp_path: Path) -> None:
    """A load balancer sends nothing to a process that cannot answer, and the client is told when to come back."""
    client = create_app(Settings(model=tmp_path)).test_client()
    assert client.get("/healthz").status_code == 200
    for answer in (
        client.get("/readyz"),
        client.post("/classify", json={"text": "a"}),
        client.get("/topics"),
        client.get("/model"),
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert answer.json["type"] == "/docs/errors#not-ready"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("get", "/classify", 405), ("post", "/healthz", 405)],
)
def test_addresses_that_are_not_there(client: FlaskClient, method: str, path: str, status: int) -> None:
    """Wrong addresses and methods are problems like any other."""
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert status == 404 or answer.headers["Allow"]


def test_request_ids(client: FlaskClient) -> None:
    """A caller's request id is kept where it is harmless, and made where it is not."""
    assert client.get("/healthz", headers={"X-Request-ID": "desk-7.1"}).headers["X-Request-ID"] == "desk-7.1"
    made = client.get("/healthz", headers={"X-Request-ID": "a b<script>"}).headers["X-Request-ID"]
    assert len(made) == 32


def test_a_prior_is_a_setting(release: Release) -> None:
    """A desk whose stream holds a topic more often says so, and its chances rise."""
    body = {"text": "The council said that the bank had asked about sanctions.", "topics": ["sanctions"]}

    def score(settings: Settings) -> float:
        topics = create_app(settings).test_client().post("/classify", json=body).json["topics"]
        return float(next(topic["score"] for topic in topics if topic["topic"] == "sanctions"))

    assert score(Settings(prior="sanctions=0.01")) < score(Settings()) < score(Settings(prior="sanctions=0.5, ukraine_war=0.2"))
