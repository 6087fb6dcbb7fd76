"""What the service counts, for all its workers together. Every method is cheap, safe under threads, and never raises."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import structlog
from flask import Flask

from models.pipeline import Json, Result
from service.counts import Counts
from service.row import Row

log = structlog.get_logger()
WINDOW_HOURS = 24


class _Harmless:
    """A fault in counting is a line in the log and fails no request."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, Exception):
            log.error("metrics_failed", error=type(error).__name__)
            return True
        return False


_harmless = _Harmless()


class Metrics:
    """The counts of this service: this process counts in the row of its slot, `counts` has those of all."""

    def __init__(self, counts: Counts | None = None, clock: Callable[[], float] = time.monotonic):
        self.counts = counts or Counts()
        self.clock = clock  # seconds, the same for all processes
        self.window = WINDOW_HOURS * 3600.0  # seconds that drift looks back
        self._version = ""
        self.take(0)

    def init_app(self, app: Flask, window_hours: int) -> None:
        """Count the requests of an app that are under way, and let drift look back so many hours."""
        if self.window != window_hours * 3600.0:
            self.window = window_hours * 3600.0
            self.take(self.slot)
        serve = app.wsgi_app

        def counted(environ: Any, start_response: Any) -> Iterable[bytes]:
            self._under_way(+1)
            try:
                answer = serve(environ, start_response)
            except BaseException:
                self._under_way(-1)
                raise
            return _UnderWay(answer, self._ended)

        app.wsgi_app = counted  # type: ignore[method-assign] # the way Flask names for middleware

    def take(self, slot: int) -> None:
        """Count in the row of a slot from now on: for a process that was just forked."""
        self.slot = slot
        self.counts.occupy(slot, self._version)
        self._in_flight = self.counts.states["in_flight"]
        self._row = Row(self.counts, slot, self.clock, self.window)
        self._lock = threading.Lock()  # the one from before may have been held by a thread that the fork left behind

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        with self._lock, _harmless:
            self._row.request(route, method, status, seconds)

    def results(self, results: Sequence[Json]) -> None:
        """Documents were classified: the contract's results, errors among them."""
        with self._lock, _harmless:
            for release, group in groupby(results, _release_of):
                if release is not None:
                    self._row.classified(release, list(group))  # type: ignore[arg-type] # only a Result has one
                else:
                    for result in group:
                        self._row.document("error" in result)

    def shed(self, reason: str) -> None:
        """A request was refused to protect the others; `reason` is one of a few fixed words."""
        with self._lock, _harmless:
            self._row.shed(reason)

    def reload(self, outcome: str, version: str | None) -> None:
        """A release was asked for: `outcome` is `loaded` or `refused`, `version` the one that serves now."""
        with self._lock, _harmless:
            self._row.reload(outcome)
        self.serves(version)

    def serves(self, version: str | None) -> None:
        """This process serves a version, or none; so do those that are forked from it."""
        self._version = version or ""
        self.counts.states["version"][self.slot] = self._version.encode()

    def _under_way(self, change: int) -> None:
        with self._lock:
            self._in_flight[self.slot] += change

    def _ended(self) -> None:
        self._under_way(-1)


class _UnderWay:
    """An answer whose end is told, however it ends."""

    def __init__(self, answer: Iterable[bytes], ended: Callable[[], None]):
        self._answer, self._ended = answer, ended

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """Close the answer; what that raises is the server's."""
        try:
            if close := getattr(self._answer, "close", None):
                close()
        finally:
            self._ended()


def _release_of(result: Json) -> Any:
    return result.release if isinstance(result, Result) else None


def worker_hooks() -> dict[str, Callable[[Any, Any], None]]:
    """gunicorn's hooks that give every worker a slot: the lowest that no living worker holds."""

    def pre_fork(arbiter: Any, worker: Any) -> None:
        metrics.counts.vacate(metrics.slot)  # the parent serves nothing itself
        worker.slot = metrics.counts.free_slot(other.slot for other in arbiter.WORKERS.values())

    def post_fork(_: Any, worker: Any) -> None:
        metrics.take(worker.slot)

    def child_exit(_: Any, worker: Any) -> None:
        metrics.counts.vacate(worker.slot)

    return {"pre_fork": pre_fork, "post_fork": post_fork, "child_exit": child_exit}


metrics = Metrics()
