"""Corrections under load on the real server: what was answered is there, once, whatever dies meanwhile.

`make test-soak` runs it with 10,000 corrections.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Semaphore, Thread
from typing import Any

import pytest

from models.store import Store
from service.candidates import Candidate
from service.review_queue import ReviewQueue

WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]
N_CORRECTIONS = int(os.environ.get("WIRETAG_SOAK_CORRECTIONS", "400"))
N_KILLS = 3
N_WRITERS = 8
TOPICS = ("sanctions", "ukraine_war", "media_freedom")


class Client:
    """One connection that is made anew when the server drops it; a request is sent until it is answered."""

    def __init__(self, address: str):
        self._address = address
        self._connection = http.client.HTTPConnection(address, timeout=60)
        self.n_retries = 0

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body)
        deadline = time.monotonic() + 180
        while True:
            try:
                self._connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
                answer = self._connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, "the server does not answer"
                self._connection.close()
                self._connection = http.client.HTTPConnection(self._address, timeout=60)
                self.n_retries += 1
                time.sleep(0.01)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _serving(database_url: str, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The service with two workers that collects for review; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "WIRETAG_DATABASE_URL": database_url, "WIRETAG_REVIEW": "on"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*WIRETAG, "serve", "--bind", address, "--workers", "2"], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            client = Client(address)
            assert client.call("GET", "/readyz")[0] == 200
            client.close()
            yield address, process
        finally:
            process.terminate()
            process.wait(30)


def _workers(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def _write(address: str, writer: int, progress: Semaphore) -> dict[int, str]:
    """Store this writer's share, every tenth sent twice; gives the text of each id that was answered."""
    client, answered = Client(address), {}
    for n in range(N_CORRECTIONS // N_WRITERS):
        text = f"Text {n} of writer {writer}: the council of the town met on Monday to talk about nothing at all."
        body = {"text": text, "topics": [TOPICS[n % 3]], "document_id": f"{writer}/{n}"}
        for _ in range(2 if n % 10 == 0 else 1):
            status, stored = client.call("POST", "/corrections", body, {"Idempotency-Key": f"{writer}-{n}"})
            assert status == 201, stored
            assert answered.setdefault(stored["id"], text) == text
        progress.release()
    client.close()
    return answered


def _review(address: str, annotator: str, done: Event) -> list[int]:
    """Take segments for review and answer them, until told to stop; gives the ids of the candidates."""
    client, taken = Client(address), []
    while not done.is_set():
        status, batch = client.call("GET", f"/review?limit=3&annotator={annotator}")
        assert status == 200, batch
        for item in batch["items"]:
            body = {"text": item["text"], "headline": item["headline"], "topics": [], "note": "reviewed"}
            status, answer = client.call("POST", "/corrections", body, {"Idempotency-Key": f"review-{item['id']}"})
            assert status == 201, answer
            taken.append(item["id"])
        client.call(
            "POST", "/classify", {"text": f"The bank was put under sanctions, said {random.random()} on Monday evening."}
        )
        time.sleep(0.02)
    client.close()
    return taken


def _candidates() -> list[Candidate]:
    words = "harbour council bridge winter orchestra museum ferry lantern orchard railway blanket granite kettle mirror".split()
    texts = [" ".join(random.Random(n).choices(words, k=40)) + f" {n}" for n in range(60)]
    return [Candidate("sanctions", n / 10, None, text, None, "v1", []) for n, text in enumerate(texts)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_writers_lose_and_double_nothing_while_workers_are_killed(database_url: str, tmp_path: Path) -> None:
    """Eight writers and two reviewers at once, `kill -9` of workers under them: every 201 is one row, and no row is another's."""
    with Store(database_url) as store:
        ReviewQueue(store.database).add(_candidates())
    done, progress = Event(), Semaphore(0)
    with _serving(database_url, tmp_path / "log") as (address, process), ThreadPoolExecutor(N_WRITERS + 2) as pool:
        started = time.monotonic()
        writers = [pool.submit(_write, address, writer, progress) for writer in range(N_WRITERS)]
        reviewers = [pool.submit(_review, address, name, done) for name in ("ann", "bob")]
        for _ in range(N_KILLS):
            for _ in range(N_CORRECTIONS // (N_KILLS + 1)):
                assert progress.acquire(timeout=120), "the writers stand still"
            os.kill(random.choice(_workers(process)), signal.SIGKILL)
        wait(writers)
        seconds = time.monotonic() - started
        done.set()
        answered = {id_: text for writer in writers for id_, text in writer.result().items()}
        taken = [id_ for reviewer in reviewers for id_ in reviewer.result()]
    with Store(database_url) as store:
        rows = [row for row, _ in store.history() if row.note != "reviewed"]
        reviewed = Counter(row.text for row, _ in store.history() if row.note == "reviewed")
    assert {row.id: row.text for row in rows} == answered
    assert len(rows) == N_CORRECTIONS
    assert Counter(row.document_id for row in rows).most_common(1)[0][1] == 1
    assert set(reviewed.values()) <= {1}  # nobody was given what another had
    assert len(taken) == len(set(taken))
    print(f"{N_CORRECTIONS:,} corrections in {seconds:.1f} s, {N_KILLS} workers killed, {len(taken)} reviewed")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_all_processes_killed_at_once_lose_nothing_that_was_answered(database_url: str, tmp_path: Path) -> None:
    """Power cut to the service: what was answered 201 is there after the next start, and nothing half-written is."""
    answered: dict[int, str] = {}
    with _serving(database_url, tmp_path / "log") as (address, process):
        victims = [process.pid, *_workers(process)]  # the master first, or it starts others
        enough = Event()

        def kill() -> None:
            enough.wait()
            for pid in victims:
                os.kill(pid, signal.SIGKILL)

        killer = Thread(target=kill)
        killer.start()
        connection = http.client.HTTPConnection(address, timeout=120)  # a busy disk is no death
        try:
            for n in range(100_000):
                body = json.dumps({"text": f"Text {n}", "topics": []})
                connection.request("POST", "/corrections", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                stored = json.loads(answer.read())
                answered[stored["id"]] = stored["text"]
                if len(answered) == 50:
                    enough.set()
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the moment of death
        finally:
            enough.set()
        connection.close()
        killer.join()
    assert len(answered) >= 50
    with Store(database_url) as store:
        found = {row.id: row.text for row in store.standing()}
    assert answered.items() <= found.items()
    assert len(found) <= len(answered) + 1
