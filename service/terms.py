"""Words that a stream brings up and its model does not know. Only words that stand in several documents are ever told.

Documents are looked at a little later, by a thread that takes its time: what a request pays is handing over a string. At more
than ten documents a second it looks at a sample. Every worker counts for itself and tells the others by a snapshot in
shared memory; what is told of all workers together is what stands in `MIN_DOCUMENTS` different documents.
"""

import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from models.decisions import Reason
from models.pipeline import Reading
from models.release import Release
from models.text import NEUTRAL_WORDS, tokens
from service.counts import view

log = structlog.get_logger()
MIN_DOCUMENTS = 5  # different ones, before a term is told to anybody
RISING = 2.0  # times the share of documents that it stood in before
MAX_TOLD = 50
_WAITING = 128  # texts that wait to be looked at
_CHARACTERS = 4_000  # of a text that are looked at
_LONGEST = 40  # characters of a term
_PAUSE = 0.1  # seconds between two texts, each of which takes some 0.1 ms
_PUBLISH = 2.0  # seconds between two snapshots, each of which takes some 3 ms
_KEPT = 4_096  # terms a worker counts; beyond, the rarest are forgotten
_PUBLISHED = 1_000
_SEEN = 10_000  # texts remembered, so that none counts twice
_HEAD = struct.Struct("<II")  # length and checksum of a snapshot


class RisingTerm(msgspec.Struct):
    """A word that the model does not know, and in how many documents looked at it stood: in the newer half of the window and
    in the half before."""

    term: str
    documents: int
    before: int


class _Snapshot(msgspec.Struct, array_like=True):
    """What a worker tells the others; `terms` has documents in this half window and the one before, and who they are."""

    version: str
    half: int
    looked: int
    looked_before: int
    terms: dict[str, tuple[int, int, list[int]]]


class Terms:
    """The unknown terms of one worker. `hand_over` is cheap, for one thread at a time; the rest happens in another."""

    def __init__(self, memory: NDArray[np.uint8], clock: Callable[[], float], half_window: float):
        self._half_window = half_window  # seconds
        self._memory = view(memory)
        self._clock = clock
        self._queue: SimpleQueue[tuple[Release, str]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting_for: Release | None = None
        self._release: Release | None = None
        self._words: frozenset[str] = frozenset()
        self._half = 0
        self._looked = self._looked_before = 0
        self._counts: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._documents: dict[str, list[int]] = {}  # the first few a term stood in, by hash
        self._seen: set[int] = set()

    def room(self) -> int:
        """How many texts can wait besides those that do."""
        return _WAITING - self._queue.qsize()

    def hand_over(self, release: Release, reading: Reading) -> None:
        """Have a text looked at, or its beginning; of a foreign language every word is unknown, and none of them news."""
        if reading.reason is Reason.UNSUPPORTED_LANGUAGE:
            return
        if release is not self._waiting_for:
            self._waiting_for = release
            with suppress(Empty):  # texts of another release are of no use, and would keep it in memory until their turn
                while True:
                    self._queue.get_nowait()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="unknown-terms", daemon=True)
            self._thread.start()
        self._queue.put((release, reading.text[:_CHARACTERS]))

    def look(self, release: Release, text: str) -> None:
        """Count the unknown terms of a text, once."""
        self._turn(release)
        digest = hash(text) & 0xFFFFFFFF  # the same in all workers: they are forked from one process
        if digest in self._seen:
            return
        if len(self._seen) >= _SEEN:
            self._seen.clear()
        self._seen.add(digest)
        self._looked += 1
        found = tokens(text)
        if len(text) == _CHARACTERS:
            del found[-1:]  # it may be half a word
        for term in set(found) - self._words - NEUTRAL_WORDS:
            if len(term) <= _LONGEST and not term.isnumeric():
                self._counts[term] += 1
                documents = self._documents.setdefault(term, [])
                if len(documents) < MIN_DOCUMENTS and digest not in documents:
                    documents.append(digest)
        if len(self._counts) > _KEPT:
            self._forget()

    def publish(self) -> None:
        """Tell the others the commonest terms."""
        if self._release is None:
            return
        room = len(self._memory) - _HEAD.size
        common = (self._counts + self._before).most_common(_PUBLISHED)
        every = [(term, (self._counts[term], self._before[term], self._documents.get(term, []))) for term, _ in common]
        while True:
            told = _Snapshot(self._release.version, self._half, self._looked, self._looked_before, dict(every))
            content = msgspec.json.encode(told)
            if len(content) <= room:
                break
            del every[len(every) // 2 :]
        _HEAD.pack_into(self._memory, 0, 0, 0)
        self._memory[_HEAD.size : _HEAD.size + len(content)] = content
        _HEAD.pack_into(self._memory, 0, len(content), zlib.crc32(content))

    def _run(self) -> None:
        published, is_new = 0.0, False
        while True:
            try:
                self.look(*(self._queue.get(timeout=_PUBLISH) if is_new else self._queue.get()))
                is_new = True
                time.sleep(_PAUSE)
            except Empty:
                pass  # nothing more comes: time to tell what was found
            except Exception as error:  # one odd text must not end the counting of all
                log.error("unknown_terms_failed", error=type(error).__name__)
            if is_new and time.monotonic() - published >= _PUBLISH:
                self.publish()
                published, is_new = time.monotonic(), False

    def _turn(self, release: Release) -> None:
        """Begin anew with a release, and keep the last half window as the one before when a half ends."""
        half = int(self._clock() // self._half_window)
        if release is not self._release:
            self._release, self._words = release, release.scorer.known_words
            self._half = half - 2  # what was counted is of no use
        if half == self._half:
            return
        is_next = half == self._half + 1
        self._before, self._looked_before = (self._counts, self._looked) if is_next else (Counter(), 0)
        self._counts, self._looked, self._half = Counter(), 0, half
        self._documents, self._seen = {}, set()

    def _forget(self) -> None:
        """Forget the rarest terms until half of the room is free (lossy counting, Manku & Motwani 2002)."""
        rare = 1
        while len(self._counts) > _KEPT // 2:
            self._counts = Counter({term: count for term, count in self._counts.items() if count > rare})
            rare += 1
        self._documents = {term: self._documents[term] for term in self._counts}


def rising(memories: Iterable[NDArray[np.uint8]], version: str, half: int) -> list[RisingTerm]:
    """The terms that all workers together saw rise, the steepest first: in at least `MIN_DOCUMENTS` different documents of
    this half window, and in `RISING` times the share of documents as in the half before.
    """
    told = [snapshot for memory in memories if (snapshot := _read(memory)) and snapshot.version == version]
    now = [snapshot for snapshot in told if snapshot.half == half]
    n_looked = sum(snapshot.looked for snapshot in now)
    n_before = sum(snapshot.looked_before for snapshot in now)
    counts: Counter[str] = Counter()
    before: Counter[str] = Counter()
    documents: dict[str, set[int]] = {}
    for snapshot in now:
        for term, (count, count_before, digests) in snapshot.terms.items():
            counts[term] += count
            before[term] += count_before
            documents.setdefault(term, set()).update(digests)
    for snapshot in told:
        if snapshot.half == half - 1:  # a worker that has seen nothing since
            n_before += snapshot.looked
            before.update({term: count for term, (count, *_) in snapshot.terms.items()})

    def rise(term: str) -> float:
        return counts[term] / n_looked - before[term] / max(1, n_before)

    found = [
        term
        for term in counts
        if len(documents[term]) >= MIN_DOCUMENTS and counts[term] / n_looked >= RISING * before[term] / max(1, n_before)
    ]
    found.sort(key=lambda term: (-rise(term), term))
    return [RisingTerm(term, counts[term], before[term]) for term in found[:MAX_TOLD]]


def _read(memory: NDArray[np.uint8]) -> _Snapshot | None:
    """The snapshot in a worker's memory; None where there is none, or none comes whole while the worker writes."""
    shared = view(memory)
    for _ in range(3):
        length, checksum = _HEAD.unpack_from(shared)
        content = bytes(shared[_HEAD.size : _HEAD.size + length])
        if length and zlib.crc32(content) == checksum:
            return msgspec.json.decode(content, type=_Snapshot)
        if not length and not checksum and not any(shared[_HEAD.size : _HEAD.size + 1]):
            return None  # never written
        time.sleep(0.001)
    return None
