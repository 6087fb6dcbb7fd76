"""Broken requests in number: a short form of `make test-soak`'s fuzzing."""

from models.release import Release
from service.app import create_app
from tests.soak.fuzz import LIMITS, fuzz


def test_no_broken_request_breaks_the_service(release: Release) -> None:
    """No error of ours, no traceback, no hang, and every error a problem document."""
    outcome = fuzz(create_app(LIMITS, release), range(1_500), seed=1)
    assert outcome.failures == []
    assert outcome.statuses[200] > 100, "the requests are broken beyond use"


def test_bytes_in_the_query_string(release: Release) -> None:
    """What the fuzzer found: raw bytes that are not UTF-8 are the caller's error."""
    app = create_app(LIMITS, release)
    answer = app.test_client().post("/classify", environ_overrides={"QUERY_STRING": "as=\xff"}, json={"text": "a"})
    assert answer.status_code == 400
    assert answer.json["detail"].startswith("the query string is not UTF-8")
