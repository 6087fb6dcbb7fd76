"""What is in the images, and how a container of them lives."""

import json
import os
import time

import pytest

from tests.containers.deployment import HARDENED, ask, docker, run_to_end
from tests.running import free_port, wait_until

IMAGE, TRAIN = (os.environ[name] for name in ("WIRETAG_IMAGE", "WIRETAG_TRAIN_IMAGE"))
BASE = os.environ.get("BASE", "python:3.11-slim-bookworm")
ADDED = 90_000_000  # bytes over the base, at most


def size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def test_the_image_adds_little_to_its_base() -> None:
    """A replica is quickly pulled."""
    if not docker("image", "ls", "--quiet", BASE):
        docker("pull", "--quiet", BASE)
    added = size(IMAGE) - size(BASE)
    print(f"containers: {added / 1e6:.1f} MB over the base; {(size(TRAIN) - size(BASE)) / 1e6:.1f} MB with what trains")
    assert added <= ADDED


@pytest.mark.parametrize("image", [IMAGE, TRAIN])
def test_an_image_says_what_it_is(image: str) -> None:
    """Labels and user are those that people and clusters look for."""
    found = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert found["User"] == "10001:10001"
    labels = {name.removeprefix("org.opencontainers.image.") for name in found["Labels"]}
    assert labels >= {"title", "description", "version", "revision"}


def test_the_image_holds_no_tools() -> None:
    """No compiler, no pip of its own, no tests, no training library; bytecode of everything that is imported."""
    find = ("--entrypoint", "find")
    for what in ("gcc", "pip", "tests", "test_*.py", "sklearn", "corpus", "*.c"):
        assert run_to_end(IMAGE, "/opt/wiretag", "-name", what, options=find).output.replace("/opt/wiretag/lib64", "") == "", (
            what
        )
    code = (
        "import sys, service.app, models.pipeline; "
        "print([m.__name__ for m in list(sys.modules.values()) if '/opt/wiretag' in (getattr(m, '__file__', None) or '') "
        "and m.__file__.endswith('.py') and not __import__('os').path.exists(m.__cached__)])"
    )
    assert run_to_end(IMAGE, "-c", code, options=("--entrypoint", "python")).output == "[]"


def test_what_retrains_brings_the_corpus() -> None:
    """The second image can start from nothing but corrections."""
    ended = run_to_end(TRAIN, "corpus", "check")
    assert ended.status == 0, ended.output
    assert "segments" in ended.output
    refused = run_to_end(IMAGE, "retrain")
    assert (refused.status, "pip install 'wiretag[train]'" in refused.output) == (1, True)


def test_a_hardened_container_starts_answers_and_stops() -> None:
    """Read-only, without rights, as nobody in particular: it is soon ready, and SIGTERM ends it with status 0."""
    port = free_port()
    words = ["run", "--detach", *HARDENED, "--pids-limit", "128", "--memory", "512m"]
    network = docker("network", "create", "wiretag-test-alone")
    container = docker(*words, "--network", network, "--publish", f"127.0.0.1:{port}:8000", IMAGE)
    try:
        wait_until(lambda: ask(port, "/readyz").status == 200, 60)
        code = "import glob; print(sum(int(n) for f in glob.glob('/proc/[0-9]*/stat') for n in open(f).read().rsplit(')')[1].split()[11:13]))"
        ticks = int(docker("exec", container, "python", "-I", "-S", "-c", code))
        print(f"containers: ready after {ticks / os.sysconf('SC_CLK_TCK'):.2f} s of CPU")
        wait_until(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy", 60)
        assert ask(port, "/classify", {"text": "The editor was fined by the court."}).status == 200
        started = time.monotonic()
        docker("kill", "--signal", "TERM", container)
        assert docker("wait", container) == "0"
        print(f"containers: stopped after {time.monotonic() - started:.1f} s")
    finally:
        docker("rm", "--force", "--volumes", container)
        docker("network", "rm", network)
