"""Unknown terms: what is told of them, and what never is."""

import time
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.decisions import Reason
from models.pipeline import Document, Result, classify
from models.release import Release
from service.counts import SNAPSHOT
from service.terms import MAX_TOLD, MIN_DOCUMENTS, Terms, _read, rising

HALF = 3600.0


class Worker:
    """The terms of a worker, and the memory in which it tells them."""

    def __init__(self, release: Release, clock: "Clock"):
        self.memory: NDArray[np.uint8] = np.zeros(SNAPSHOT, np.uint8)
        self.terms = Terms(self.memory, clock, HALF)
        self.release = release

    def reads(self, *texts: str) -> "Worker":
        for text in texts:
            self.terms.look(self.release, text)
        self.terms.publish()
        return self


class Clock:
    """Seconds that pass when told to."""

    now = 10 * HALF

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _told(clock: Clock, release: Release, *workers: Worker) -> dict[str, tuple[int, int]]:
    found = rising([worker.memory for worker in workers], release.version, int(clock.now // HALF))
    return {each.term: (each.documents, each.before) for each in found}


def _texts(n: int, term: str, start: int = 0) -> list[str]:
    return [f"The {term} sanctions were told to the council on day {number}." for number in range(start, start + n)]


def test_a_term_is_told_from_five_documents_on(release: Release, clock: Clock) -> None:
    """Four documents could point at somebody; five different ones may be told."""
    worker = Worker(release, clock).reads(*_texts(MIN_DOCUMENTS - 1, "zorblaxes"), *_texts(MIN_DOCUMENTS, "quibnets"))
    assert _told(clock, release, worker) == {"quibnets": (MIN_DOCUMENTS, 0)}


def test_one_document_sent_often_is_one_document(release: Release, clock: Clock) -> None:
    """Nor does it help to send it to several workers."""
    text = "The zorblaxes were seen."
    workers = [Worker(release, clock).reads(*[text] * 9) for _ in range(MIN_DOCUMENTS)]
    assert _told(clock, release, *workers) == {}


def test_workers_are_taken_together(release: Release, clock: Clock) -> None:
    """Documents spread over workers count as they would for one."""
    workers = [Worker(release, clock).reads(*_texts(2, "zorblaxes", start)) for start in (0, 2, 4)]
    assert _told(clock, release, *workers) == {"zorblaxes": (6, 0)}


def test_known_and_meaningless_words_are_not_told(release: Release, clock: Clock) -> None:
    """Words of the model, function words, numbers and endless words are no news."""
    text = "The sanctions said of 2024 ١٢٣ " + "x" * 41
    worker = Worker(release, clock).reads(*(f"{text} {'word ' * number}" for number in range(9)))
    assert _told(clock, release, worker) == {}


def test_a_term_must_rise(release: Release, clock: Clock) -> None:
    """A word as common in the half window before is not told; one twice as common is."""
    worker = Worker(release, clock).reads(*_texts(10, "steadings"), *_texts(4, "quibnets"))
    clock.now += HALF
    worker.reads(*_texts(6, "steadings", 10), *_texts(8, "quibnets", 10))
    assert _told(clock, release, worker) == {"quibnets": (8, 4)}
    clock.now += HALF
    assert _told(clock, release, worker) == {}, "nothing was read since"


def test_what_another_worker_read_before_counts_as_before(release: Release, clock: Clock) -> None:
    """A word that one worker knows of old is not new because another meets it; idle workers count too."""
    idle = Worker(release, clock).reads(*_texts(20, "steadings"))
    busy = Worker(release, clock).reads(*_texts(20, "steadings", 20))
    clock.now += HALF
    busy.reads(*_texts(6, "steadings", 40))
    assert _told(clock, release, idle, busy) == {}


def test_another_release_begins_anew(release: Release, clock: Clock) -> None:
    """What one model does not know another may."""
    worker = Worker(release, clock).reads(*_texts(6, "zorblaxes"))
    other = replace(release, version="other")
    worker.release = other
    worker.reads(*_texts(5, "quibnets"))
    assert _told(clock, other, worker) == {"quibnets": (5, 0)}
    assert _told(clock, release, worker) == {}


def test_memory_is_bounded(release: Release, clock: Clock) -> None:
    """Endless new words push out the rare ones, not the common; what is told fits, in any script, and is not endless."""
    worker = Worker(release, clock).reads(*_texts(300, "zorblaxes"))
    for number in range(400):
        worker.terms.look(release, " ".join(f"{'ж' * 30}{number}и{n}" for n in range(60)))
    assert len(worker.terms._counts) <= 4_096 + 60
    assert set(worker.terms._documents) == set(worker.terms._counts)
    worker.reads()
    assert _told(clock, release, worker)["zorblaxes"] == (300, 0)
    many = Worker(release, clock).reads(*(" ".join(f"{'ж' * 30}x{n}" for n in range(900)) + "x" * n for n in range(9)))
    assert 0 < len(_told(clock, release, many)) <= MAX_TOLD


def test_a_torn_snapshot_is_left_out(release: Release, clock: Clock) -> None:
    """A worker that is writing, or died while it did, spoils nothing."""
    worker = Worker(release, clock).reads(*_texts(6, "zorblaxes"))
    torn = worker.memory.copy()
    torn[20] ^= 1
    assert _read(torn) is None
    assert _read(np.zeros(SNAPSHOT, np.uint8)) is None
    assert rising([torn, worker.memory], release.version, 10)[0].term == "zorblaxes"


def test_a_long_text_is_looked_at_in_part(release: Release, clock: Clock) -> None:
    """Of a text that was cut the last token is left out: it may be half a word."""
    worker = Worker(release, clock)
    for number in range(6):
        cut = (f"{number} begins. " + "word " * 797 + "zorblaxes follow")[:4_000]
        assert cut.endswith(" zorbl")
        worker.terms.look(release, cut)
    worker.reads()
    assert _told(clock, release, worker) == {}


def test_texts_are_looked_at_beside_the_requests(release: Release, clock: Clock) -> None:
    """Handing over is all that a request waits for; a foreign text is not looked at, and a flood is sampled."""
    worker = Worker(release, clock)
    french = "Les zorblaxes sont vus par les enfants dans la ville et dans la cour de la ville avec leurs amis du quartier. "
    for number in range(6):
        results: list[Result] = [
            classify(release, Document(text)) for text in (*_texts(1, "quibnets", number), french * (number + 1))
        ]
        assert results[1]["reason"] == Reason.UNSUPPORTED_LANGUAGE
        for result in results:
            worker.terms.hand_over(release, result.readings[0])
    deadline = time.monotonic() + 10
    while not (told := _told(clock, release, worker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert told == {"quibnets": (6, 0)}
    assert worker.terms.room() == 128


def test_waiting_texts_keep_no_model_in_memory(release: Release, clock: Clock) -> None:
    """After a change of model nothing waits that the one before has read: a model takes 25 MB, and texts wait for seconds."""
    terms = Worker(release, clock).terms
    reading = classify(release, Document(_texts(1, "quibnets")[0])).readings[0]
    for _ in range(100):
        terms.hand_over(replace(release, version="before"), reading)
    assert terms.room() >= 126
    terms.hand_over(release, reading)
    assert terms.room() >= 126
