"""`kill -9` at any moment of a retraining or an activation: the service always serves a verified release.

`make test-soak` kills at 30 moments of each.
"""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.registry import Registry
from models.release import verify_release
from tests.running import WIRETAG, Running, running, wait_until
from tests.two_releases import write_registry

N_KILLS = int(os.environ.get("WIRETAG_SOAK_KILLS", "3"))
SEED = 20261122
ACTIVATE = """
import sys
from pathlib import Path
from models.registry import Registry
registry = Registry(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for version in registry.versions():
        registry.activate(version)
"""


class Watch:
    """Asks a server all the time, and counts status and version of the answers."""

    def __init__(self, server: Running):
        self.answers: Counter[tuple[int, str | None]] = Counter()
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _ask(self) -> None:
        with self._server.client() as client:
            while not self._stop.is_set():
                client.request("POST", "/classify", json.dumps({"text": "A bank."}), {"Content-Type": "application/json"})
                answer = client.getresponse()
                answer.read()
                self.answers[answer.status, answer.headers["X-Model-Version"]] += 1
                time.sleep(0.005)


@pytest.fixture
def registry(desk_registry: Registry, tmp_path: Path) -> Registry:
    """A copy of the desk's registry."""
    shutil.copytree(desk_registry.root, tmp_path / "registry")
    return Registry(tmp_path / "registry")


def _retraining(registry: Registry, desk: Path, data: Path, number: int) -> subprocess.Popen[bytes]:
    """A retraining that makes and activates a model of its own."""
    rows = [
        {"id": f"new{n}", "text": f"Apiarist {n} of Lund sold mead in year {'i' * (number + 1)}.", "topics": ["beekeeping"]}
        for n in range(5 + number)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [*WIRETAG, "retrain", "--registry", registry.root, "--corpus", desk / "segments.jsonl", "--behaviour", desk]
    command += ["--data", data, "--no-corrections", "--no-curve", "--force"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _killed_after(run: subprocess.Popen[bytes], seconds: float) -> None:
    """Kill a run and all it started, unless it ended sooner."""
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(30)


def _killed_at_moments(registry: Registry, server: Running, moments: Iterator[subprocess.Popen[bytes]], most: float) -> None:
    """Kill each run at a random moment of its `most` seconds; the registry and the service are sound after every one."""
    rng = random.Random(SEED)
    with Watch(server) as watch:
        for run in moments:
            _killed_after(run, rng.uniform(0, most))
            version = verify_release(registry.current_folder())
            wait_until(lambda v=version: server.call("/readyz")[1].get("model_version") == v, 60)
            assert all(verify_release(registry.folder(name)) == name for name in registry.versions())
    statuses = {status for status, _ in watch.answers}
    assert statuses == {200}, watch.answers
    assert {version for _, version in watch.answers} <= set(registry.versions())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_retraining_killed_at_any_moment(desk: Path, registry: Registry, tmp_path: Path) -> None:
    """No answer fails, what serves is verified, the lock is free, and the next run works and sweeps up."""
    data = tmp_path / "new.jsonl"
    started = time.monotonic()
    assert _retraining(registry, desk, data, 0).wait(300) == 0
    length = time.monotonic() - started
    with running(tmp_path / "log", "--workers", "2", "--model", str(registry.root)) as server:
        runs = (_retraining(registry, desk, data, 1 + number) for number in range(N_KILLS))
        _killed_at_moments(registry, server, runs, length)
        with (registry.root / ".retraining").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        before = registry.current()
        assert _retraining(registry, desk, data, 1 + N_KILLS).wait(300) == 0
        assert registry.current() != before
        wait_until(lambda: server.call("/readyz")[1]["model_version"] == registry.current())
    assert list(registry.releases.glob(".*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_activation_killed_at_any_moment(tmp_path: Path) -> None:
    """Killed in the middle of switching to and fro, the registry names one of the two, and can be switched on."""
    registry = write_registry(tmp_path / "models")[0]
    with running(tmp_path / "log", "--workers", "2", "--model", str(registry.root)) as server:

        def switching() -> Iterator[subprocess.Popen[bytes]]:
            for _ in range(N_KILLS):
                run = subprocess.Popen(
                    [sys.executable, "-c", ACTIVATE, registry.root], stdout=subprocess.PIPE, start_new_session=True
                )
                assert run.stdout is not None
                with run.stdout:
                    assert run.stdout.readline() == b"ready\n"
                yield run

        _killed_at_moments(registry, server, switching(), 1.0)
    first, second = registry.versions()
    for version in (first, second, first):
        registry.activate(version)
    assert (registry.current(), registry.previous()) == (first, second)
    assert [path.name for path in registry.root.glob(".*.new")] == []
