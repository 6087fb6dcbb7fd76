"""The real server: started as users start it, measured, and stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import footprint
from tests.running import WIRETAG, Running, free_port, running, wait_until

READY_CPU_SECONDS = 1.5
WORKER_MEGABYTES = 90


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server with one worker on a free loopback port, ended with the test."""
    with running(tmp_path / "log", "--workers", "1") as started:
        yield started


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_is_ready_quickly_and_small(server: Running) -> None:
    """Start-up and memory stay within what a desk's smallest machine has: 1.5 s of CPU and 90 MB a worker."""
    assert sum(_cpu_seconds(pid) for pid in (server.process.pid, *server.workers())) <= READY_CPU_SECONDS
    page = (
        "Bank under sanctions\n" + "The Treasury imposed sanctions on the bank on Monday, officials said in a statement.\n" * 50
    )
    for _ in range(20):
        assert server.call("/classify", {"page": page})[0] == 200
        assert server.call("/classify", {"html": f"<p>{page}</p>"})[0] == 200
    (worker,) = server.workers()
    resident = int(Path(f"/proc/{worker}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
    assert resident <= WORKER_MEGABYTES


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_four_workers_share_what_they_know() -> None:
    """Model, pages' reader and evidence lie in memory once: four workers that have met all kinds of calls hold 120 MB together."""
    _, workers = footprint.memory(4, footprint.calls(), requests=10)
    assert len(workers) == 4
    assert sum(workers) <= footprint.BARS["four_workers_mb"]
    assert max(workers) <= footprint.BARS["worker_mb"]


def test_another_wsgi_server_can_serve_it(tmp_path: Path) -> None:
    """`service.wsgi:create` is all that granian or uWSGI need: settings from the environment, logs as JSON lines."""
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "service.wsgi:create()", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    environment = {**os.environ, "WIRETAG_MAX_CHARACTERS": "100"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=environment)
        server = Running(port, process, log)
        try:
            wait_until(lambda: server.call("/readyz")[0] == 200)
            assert server.call("/classify", {"text": "sanctions " * 20})[0] == 422
        finally:
            process.terminate()
            process.wait(20)
    assert json.loads(log.read_text().splitlines()[-1])["route"] == "/classify"


def test_sigterm_stops_cleanly(server: Running) -> None:
    """A stop is not a failure, and the log is JSON lines without a word of any document."""
    assert server.call("/classify", {"text": "A confidential sentence about sanctions on banks."})[0] == 200
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(15) == 0
    lines = server.log.read_text().splitlines()
    assert lines[0] == f"Wiretag listens on {server.url}"
    requests = [json.loads(line) for line in lines[1:]]
    assert [(line["route"], line["status"]) for line in requests][-1] == ("/classify", 200)
    assert "confidential" not in server.log.read_text()


def test_a_killed_worker_is_replaced(server: Running) -> None:
    """kill -9 of a worker costs no more than what it was doing."""
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: server.workers() not in ([], [worker]), 15)
    wait_until(lambda: server.call("/classify", {"text": "Sanctions on banks."})[0] == 200, 15)


def test_a_taken_port_is_said_at_once(server: Running) -> None:
    """No retry storm: one line and exit status 1."""
    address = server.url.removeprefix("http://")
    done = subprocess.run([*WIRETAG, "serve", "--bind", address], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == next(iter(done.stderr.strip().splitlines()))
    assert f"--bind {address}: cannot be had" in done.stderr
