"""The real server's processes: killed, hung, forked at the wrong moment, and sharing their connections."""

import http.client
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from models.registry import Registry
from tests.running import WIRETAG, Running, free_port, running, wait_until
from tests.two_releases import FOLLOWS, versions_that_answer, write_registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry of two releases, the first serving."""
    return write_registry(tmp_path / "models")[0]


@pytest.fixture
def server(tmp_path: Path, registry: Registry) -> Iterator[Running]:
    """Two workers that serve the registry."""
    with running(tmp_path / "log", "--workers", "2", "--model", str(registry.root)) as started:
        yield started


def test_a_worker_that_replaces_a_killed_one_is_up_to_date(server: Running, registry: Registry) -> None:
    """The master still holds the model it started with; no worker ever answers with it."""
    second = registry.versions()[1]
    registry.activate(second)
    wait_until(lambda: set(versions_that_answer(server)) == {second}, FOLLOWS)
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    seen: Counter[str] = Counter()
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            seen += versions_that_answer(server, 1)
    assert set(seen) == {second}


@pytest.mark.parametrize("after", [0.05, 0.1, 0.15])
def test_a_stop_while_workers_are_being_made(tmp_path: Path, after: float) -> None:
    """SIGTERM is never lost in a worker that has just been forked."""
    with (tmp_path / "log").open("wb") as log:
        command = [*WIRETAG, "serve", "--bind", f"127.0.0.1:{free_port()}", "--workers", "4"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "listens" in (tmp_path / "log").read_text())
            time.sleep(after)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()
            process.wait(10)


def test_without_its_master_a_worker_frees_the_address(tmp_path: Path) -> None:
    """After kill -9 of the master, a supervisor can start the service again at once."""
    with running(tmp_path / "log") as server, server.client() as client:
        client.request("GET", "/healthz")
        assert client.getresponse().read()
        server.process.kill()
        time.sleep(2)  # a worker looks every second
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def _n_sockets(pid: int) -> int:
    return sum(os.readlink(each).startswith("socket:") for each in Path(f"/proc/{pid}/fd").iterdir())


def test_connections_are_shared_out(server: Running) -> None:
    """Kept connections, as a proxy has them, keep all workers busy and not just the one that woke first."""

    def are_shared() -> bool:
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(server.connect()).sendall(b"G")
            time.sleep(0.5)
            held = [_n_sockets(pid) for pid in server.workers()]
        time.sleep(0.5)
        return len(held) == 2 and sum(held) >= 40 and max(held) - min(held) <= 10

    wait_until(are_shared)  # once both have started


def test_a_worker_that_hangs_does_not_hold_up_the_other(server: Running) -> None:
    """While one worker stands still, the other answers all."""
    wait_until(lambda: len(server.workers()) == 2)
    hung = server.workers()[0]
    os.kill(hung, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert sum(versions_that_answer(server).values()) == 30
        assert time.monotonic() - began < 5
    finally:
        os.kill(hung, signal.SIGCONT)
