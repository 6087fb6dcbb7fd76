"""The deployment of compose.yaml for the tests of this folder. They run by `make test-containers` alone, which brings the engine."""

import os
from collections.abc import Iterator

import pytest

from tests.containers.deployment import Deployment

collect_ignore_glob = [] if "WIRETAG_TRAIN_IMAGE" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The deployment, up and healthy; it is gone after the tests."""
    deployment = Deployment()
    try:
        deployment.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "180")
        yield deployment
    finally:
        deployment.compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)
