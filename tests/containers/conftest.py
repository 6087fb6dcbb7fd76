"""The deployment of compose.yaml for the tests of this folder. They run by `make test-containers` alone, which brings the engine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.deployment import Deployment
from training.corpus import CORPUS_DIR

collect_ignore_glob = [] if "WIRETAG_TRAIN_IMAGE" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sixth of the corpus: learning from all of it takes minutes."""
    folder = tmp_path_factory.mktemp("sample")
    folder.chmod(0o755)
    lines = [line for path in sorted(CORPUS_DIR.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    (folder / "segments.jsonl").write_text("\n".join(lines[::6]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The deployment, up and healthy; it is gone after the tests."""
    deployment = Deployment()
    try:
        deployment.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "180")
        yield deployment
    finally:
        deployment.compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)
