"""Counts of several real workers: one sum, whoever answers and whoever dies."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]
N_WORKERS = 3
TEXT = "The EU extended its sanctions on the bank Zorblaxes on Monday, officials said in a statement number {}."


class Server:
    """A service with several workers on a free loopback port."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str):
        self.process, self.url = process, url

    def call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
            return content.decode() if path == "/metrics" else json.loads(content)

    def samples(self) -> dict[tuple[str, ...], float]:
        families = parse(self.call("/metrics"))
        return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (tmp_path / "log").open("wb") as output:
        command = [*WIRETAG, "serve", "--bind", address, "--workers", str(N_WORKERS)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    found = Server(process, f"http://{address}")
    try:
        _until(lambda: found.call("/readyz")["status"] == "ready", process)
        _until(lambda: found.samples()["wiretag_workers",] == N_WORKERS, process)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _until(holds: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server stopped"
        try:
            if holds():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.05)
    pytest.fail("not within 30 s")


def _send(server: Server, n: int, start: int = 0) -> None:
    """n requests of two documents and one that is blank, from several clients at once."""

    def one(number: int) -> None:
        documents = [{"text": TEXT.format(number)}, {"page": f"A bank under sanctions\n{TEXT.format(number)}\n"}, {"text": " "}]
        assert len(server.call("/classify", {"documents": documents})["results"]) == 3

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(start, start + n)))


def _assert_counted(server: Server, n: int) -> None:
    found = server.samples()
    assert found["wiretag_requests_total", "/classify", "200", "POST"] == n
    assert found["wiretag_request_duration_seconds_count", "/classify"] == n
    assert found["wiretag_documents_total",] == 2 * n
    assert found["wiretag_document_errors_total",] == n
    assert found["wiretag_segments_total", "main"] == found["wiretag_page_segments_count",] == n
    assert found["wiretag_topic_score_count", "sanctions"] == found["wiretag_document_tokens_count",] == 2 * n
    assert found["wiretag_drift_observations", "tokens"] == 2 * n
    _until(lambda: server.samples()["wiretag_requests_in_flight",] == 1, server.process)  # the one that asks


def test_totals_are_what_was_sent_across_a_killed_worker(server: Server) -> None:
    """Whichever worker is asked tells the counts of all; kill -9 of one loses none, and the next one counts on."""
    _send(server, 60)
    for _ in range(6):
        _assert_counted(server, 60)
    before = server.workers()
    assert len(before) == N_WORKERS
    for round_, victim in enumerate(before[:2], 1):
        os.kill(victim, signal.SIGKILL)
        _until(lambda gone=victim: gone not in server.workers() and len(server.workers()) == N_WORKERS, server.process)  # type: ignore[misc]
        _until(lambda: server.samples()["wiretag_workers",] == N_WORKERS, server.process)
        _send(server, 30, 1000 * round_)
        _assert_counted(server, 60 + 30 * round_)
    (version,) = {each["model_version"] for each in [server.call("/readyz")]}
    assert server.samples()["wiretag_model_workers", version] == N_WORKERS


def test_looking_for_another_model_loses_no_count(server: Server) -> None:
    """SIGHUP leaves workers and counts as they are."""
    _send(server, 20)
    before = server.workers()
    server.process.send_signal(signal.SIGHUP)
    _send(server, 20, 100)
    assert server.workers() == before
    _assert_counted(server, 40)


def test_unknown_terms_of_all_workers_are_told_together(server: Server) -> None:
    """A word that stood in many documents, some with every worker, is named by whichever is asked."""
    _send(server, 40)
    _until(lambda: [each["term"] for each in server.call("/drift")["rising_terms"]] == ["zorblaxes"], server.process)
    told = server.call("/drift")["rising_terms"][0]
    assert 5 <= told["documents"] <= 80
