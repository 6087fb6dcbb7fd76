"""The real server: started as users start it, measured, and stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import footprint

WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]
READY_CPU_SECONDS = 1.5
WORKER_MEGABYTES = 90


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _call(url: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server stopped"
        try:
            if _call(f"{url}/readyz")[0] == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    pytest.fail("not ready in 30 s")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """A server with one worker on a free loopback port, ended with the test."""
    port, log = _free_port(), tmp_path / "log"
    with log.open("wb") as output:
        command = [*WIRETAG, "serve", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process, log
        finally:
            process.kill()
            process.wait(10)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_is_ready_quickly_and_small(server: tuple[str, subprocess.Popen[bytes], Path]) -> None:
    """Start-up and memory stay within what a desk's smallest machine has: 1.5 s of CPU and 90 MB a worker."""
    url, process, _ = server
    assert sum(_cpu_seconds(pid) for pid in _family(process.pid)) <= READY_CPU_SECONDS
    page = (
        "Bank under sanctions\n" + "The Treasury imposed sanctions on the bank on Monday, officials said in a statement.\n" * 50
    )
    for _ in range(20):
        assert _call(f"{url}/classify", {"page": page})[0] == 200
        assert _call(f"{url}/classify", {"html": f"<p>{page}</p>"})[0] == 200
    worker = _family(process.pid)[1]
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
    port, log = _free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "service.wsgi:create()", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    environment = {**os.environ, "WIRETAG_MAX_CHARACTERS": "100"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=environment)
        try:
            _wait_ready(f"http://127.0.0.1:{port}", process)
            assert _call(f"http://127.0.0.1:{port}/classify", {"text": "sanctions " * 20})[0] == 422
        finally:
            process.terminate()
            process.wait(20)
    assert json.loads(log.read_text().splitlines()[-1])["route"] == "/classify"


def test_sigterm_stops_cleanly(server: tuple[str, subprocess.Popen[bytes], Path]) -> None:
    """A stop is not a failure, and the log is JSON lines without a word of any document."""
    url, process, log = server
    assert _call(f"{url}/classify", {"text": "A confidential sentence about sanctions on banks."})[0] == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    lines = log.read_text().splitlines()
    assert lines[0] == f"Wiretag listens on {url}"
    requests = [json.loads(line) for line in lines[1:]]
    assert [(line["route"], line["status"]) for line in requests][-1] == ("/classify", 200)
    assert "confidential" not in log.read_text()


def test_a_killed_worker_is_replaced(server: tuple[str, subprocess.Popen[bytes], Path]) -> None:
    """kill -9 of a worker costs no more than what it was doing."""
    url, process, _ = server
    os.kill(_family(process.pid)[1], signal.SIGKILL)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if _call(f"{url}/classify", {"text": "Sanctions on banks."})[0] == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail("no answer after a worker was killed")


def test_a_taken_port_is_said_at_once(server: tuple[str, subprocess.Popen[bytes], Path]) -> None:
    """No retry storm: one line and exit status 1."""
    url, _, _ = server
    address = url.removeprefix("http://")
    done = subprocess.run([*WIRETAG, "serve", "--bind", address], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == next(iter(done.stderr.strip().splitlines()))
    assert f"--bind {address}: cannot be had" in done.stderr
