"""Which of the classified texts are worth a person's look, handed to the review queue by a thread of its own.

Nothing here may slow or fail a classification: of every second the least certain texts of each topic are held in memory and
written by a thread; the others are passed over, and all of them where the store cannot be used.
"""

import heapq
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from math import log as ln
from threading import Event, Lock, Thread
from typing import Any

import structlog

from models.corrections import MAX_TEXT
from models.decisions import Decision, Reason
from models.errors import StoreError
from models.pipeline import Document, Form, Json
from service.store import StoreHandle

log = structlog.get_logger()
EVERY = 1.0  # seconds between two writes
IDLE = 3600.0  # seconds after which the queue is trimmed though nothing came: texts may not stay beyond their age
BATCH = 10  # texts held and written of each topic, and of the random sample
TIDY = 60.0  # seconds between two trims of the queue, and between two log lines of what was passed over
_UNCLEAR = frozenset({Reason.TOO_SHORT.value, Reason.UNSUPPORTED_LANGUAGE.value})  # a person could not tell either
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Candidate:
    """A classified text. `topic` is its least certain one and `priority` the distance from the threshold in log-odds.

    A text of the random sample has no topic, and its priority is the lot that it drew, in [0, 1).
    """

    topic: str | None
    priority: float
    headline: str | None
    text: str
    document_id: str | None
    model_version: str
    topics: list[Json]


class Collector:
    """Takes classified documents and writes candidates. One a process; its thread starts with the first candidate."""

    def __init__(self, store: StoreHandle, max_days: int):
        self._store = store
        self._max_age = timedelta(days=max_days)
        self._lock = Lock()
        self._held: dict[str | None, list[tuple[float, int, Candidate]]] = {}  # heaps a topic, the most certain first
        self._numbers = count()
        self._is_any = Event()
        self._thread: Thread | None = None
        self._cutoff = 1.0  # lots from here on have no chance of the sample
        self._n_passed_over = 0
        self._tidied = float("-inf")

    def offer(self, documents: Sequence[Any], results: Sequence[Json]) -> None:
        """Hold what is worth a look among documents that were classified."""
        for document, result in zip(documents, results, strict=True):
            if not isinstance(document, Document) or "error" in result:
                continue
            version = result["model_version"]
            if document.form is Form.TEXT and not result.get("duplicate_of"):
                self._consider(document.headline, document.content, result, document.document_id, version)
            for segment in result["segments"]:
                if segment["duplicate_of"] is None:
                    self._consider(segment["headline"], segment["text"], segment, document.document_id, version)

    def flush(self) -> None:
        """Write what is held."""
        with self._lock:
            found = [candidate for heap in self._held.values() for _, _, candidate in heap]
            self._held.clear()
            self._is_any.clear()
        if not found and time.monotonic() - self._tidied < IDLE:
            return
        try:
            with self._store.use() as store:
                from service.review_queue import ReviewQueue

                queue = ReviewQueue(store.database)
                queue.add(found)
                if time.monotonic() - self._tidied >= TIDY:
                    self._cutoff = queue.trim(self._max_age)
                    self._say_passed_over()
        except StoreError:  # logged where it arose
            with self._lock:
                self._n_passed_over += len(found)

    def _consider(self, headline: str | None, text: str, tags: Json, document_id: str | None, version: str) -> None:
        if tags["reason"] in _UNCLEAR or len(text) > MAX_TEXT:
            return
        doubted = [
            (abs(_log_odds(topic["score"]) - _log_odds(topic["threshold"])), topic["topic"])
            for topic in tags["topics"]
            if topic["decision"] == Decision.REVIEW.value
        ]
        priority, name = min(doubted) if doubted else (random.random(), None)
        if name is None and priority >= self._cutoff:
            return
        topics = [{key: topic[key] for key in ("topic", "score", "threshold", "decision")} for topic in tags["topics"]]
        self._hold(Candidate(name, priority, headline, text, document_id, version, topics))

    def _hold(self, candidate: Candidate) -> None:
        with self._lock:
            heap = self._held.setdefault(candidate.topic, [])
            entry = (-candidate.priority, next(self._numbers), candidate)
            if len(heap) < BATCH:
                heapq.heappush(heap, entry)
            else:
                heapq.heappushpop(heap, entry)
                self._n_passed_over += candidate.topic is not None
            if self._thread is None:  # not before the fork: threads do not survive it
                self._thread = Thread(target=self._run, name="review-candidates", daemon=True)
                self._thread.start()
            self._is_any.set()

    def _run(self) -> None:
        while True:
            if self._is_any.wait(IDLE):
                time.sleep(EVERY)
            try:
                self.flush()
            except Exception as error:  # the thread must outlive whatever it was; the message may hold a text
                log.error("review_candidates_failed", error=type(error).__name__)

    def _say_passed_over(self) -> None:
        self._tidied = time.monotonic()
        with self._lock:
            number, self._n_passed_over = self._n_passed_over, 0
        if number:
            log.info("review_candidates_passed_over", documents=number)


def _log_odds(share: float) -> float:
    share = min(max(share, _EPSILON), 1 - _EPSILON)
    return ln(share / (1 - share))
