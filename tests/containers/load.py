"""Clients that ask without pause and tell whatever was not answered as it should be. None of them asks twice."""

import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

PAGE = (Path(__file__).parents[1] / "data" / "pages" / "cards.txt").read_text(encoding="utf-8")
CLIENTS = 8
CORRECT_EVERY = 50  # requests


class Load:
    """Requests on kept connections from when it is entered until it is left: texts, pages and now and then a correction."""

    def __init__(self, port: int):
        self._port = port
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask_on, args=(n,)) for n in range(CLIENTS)]
        self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []
        self.accepted: list[int] = []  # the ids of corrections answered with 201
        self.corrected: set[str] = set()  # the texts of the same
        self.slowest = 0.0  # seconds

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answered: int, seconds: float) -> None:
        """Wait until so many requests were answered in all."""
        deadline = time.monotonic() + seconds
        while self.answered < answered:
            assert time.monotonic() < deadline, f"{self.answered:,} answers within {seconds} s"
            time.sleep(0.1)

    def _ask_on(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=70)
        number = 0
        while not self._stop.is_set():
            number += 1
            started = time.monotonic()
            try:
                text = f"Client {client} of run {id(self)} corrects its sentence number {number}."
                is_correction = number % CORRECT_EVERY == 0
                if is_correction:
                    status, headers, answer = _ask(connection, "/corrections", {"text": text, "topics": []})
                else:
                    document = {"page": PAGE} if number % 5 == 0 else {"text": f"The envoy met editors. {text}"}
                    status, headers, answer = _ask(connection, "/classify", document)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with self._lock:
                    self.failures.append(f"{type(error).__name__} after {time.monotonic() - started:.2f} s")
                time.sleep(0.05)
                continue
            with self._lock:
                self.answered += 1
                self.statuses[status] += 1
                self.slowest = max(self.slowest, time.monotonic() - started)
                if is_correction and status == 201:
                    self.accepted.append(answer["id"])
                    self.corrected.add(text)
                elif not is_correction and status == 200:
                    self.versions[answer["model_version"]] += 1
                    if headers.get("X-Model-Version") != answer["model_version"]:
                        self.failures.append("an answer of two versions")
                else:
                    self.failures.append(f"{status} {answer.get('detail')}")
        connection.close()


def _ask(connection: http.client.HTTPConnection, path: str, body: Any) -> tuple[int, Any, Any]:
    connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())
