"""What keeps one client's requests from taking the service from the others: how many at once, how long, and in what form."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, current_app, request

from service.metrics import metrics
from service.problems import Problem
from service.settings import Settings

PATIENCE = 0.5  # seconds a request waits for its turn
RETRY_AFTER = "1"  # seconds


class Deadline:
    """When a request has had its time. It is looked at between documents; nothing is interrupted."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def check(self) -> None:
        """Raise a 503 problem once the time is over."""
        if time.monotonic() > self._until:
            metrics.shed("time")
            raise Problem(
                503,
                f"not done in {self._seconds:g} seconds; send fewer documents a request",
                headers={"Retry-After": RETRY_AFTER},
                kind="out-of-time",
            )


class Turns:
    """At most `at_once` requests at work, and a few more that wait a moment for their turn; the rest is refused at once."""

    def __init__(self, at_once: int, waiting: int, seconds: float):
        self._free = at_once
        self._max_waiting = waiting
        self._seconds = seconds
        self._waiting: deque[threading.Event] = deque()  # longest first; set when a turn is handed over
        self._lock = threading.Lock()

    def is_free(self) -> bool:
        """Whether a turn could be had without waiting."""
        return self._free > 0

    def refuse_if_full(self) -> None:
        """Raise a 503 problem when a request could not even wait. To be asked before a body is read."""
        if not self._free and len(self._waiting) >= self._max_waiting:
            raise _busy()

    @contextmanager
    def turn(self) -> Iterator[Deadline]:
        """A turn to work, with the time it may take. Raises a 503 problem when there is none in `PATIENCE` seconds."""
        self._take()
        try:
            yield Deadline(self._seconds)
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._waiting) >= self._max_waiting:
                raise _busy()
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(PATIENCE):
            return
        with self._lock:
            if not mine.is_set():  # else it was handed over just now
                self._waiting.remove(mine)
                raise _busy()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


def turns() -> Turns:
    """The turns of this process."""
    found: Turns = current_app.extensions["wiretag_turns"]
    return found


def init_app(app: Flask, settings: Settings) -> None:
    """Hold the app to its limits."""
    app.extensions["wiretag_turns"] = Turns(settings.concurrency, settings.waiting, settings.request_seconds)
    app.before_request(_refuse_compressed)


def _refuse_compressed() -> None:
    """A few compressed bytes may stand for gigabytes, and nobody compresses a news text on its way to a classifier."""
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise Problem(
            415,
            "cannot read a compressed body; send it as it is, without Content-Encoding",
            headers={"Accept-Encoding": "identity"},
        )


def _busy() -> Problem:
    metrics.shed("busy")
    return Problem(
        503,
        "as many requests as this service takes are at work; send it again",
        headers={"Retry-After": RETRY_AFTER},
        kind="busy",
    )
