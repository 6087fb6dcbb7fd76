"""What is counted, and how it adds up."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.pipeline import Document, Form, Options, Result, classify
from models.release import Release
from service.counts import ROOM, SUB_WINDOWS, Counts
from service.exposition import Exposition
from service.metrics import Metrics, worker_hooks

SANCTIONS = (
    "The US Treasury on Thursday imposed sanctions on two banks and froze the assets of their owners, saying that they had helped "
    "the sanctioned ministry evade an oil embargo."
)
QUIET = "The council said on Monday that the swimming pool would be closed until the roof had been repaired."
PAGE = f"Pool stays shut\n{QUIET}\nComments\n\nDaily Ledger\n2 hours ago\n- Daily Ledger\nBanks under sanctions\n{SANCTIONS}\n"


class Clock:
    """Seconds that pass when told to."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock) -> Metrics:
    return Metrics(Counts(4), clock)


@pytest.fixture(scope="module")
def results(release: Release) -> list[Result]:
    """Results of every form: assigned, review, none for every reason, pages with and without a story."""
    documents = [
        *(Document(text) for text in (SANCTIONS, QUIET, "sanctions", "!!!", "zq xk vw yj", SANCTIONS[:60], SANCTIONS * 20)),
        Document(
            "Le conseil a annoncé lundi que la piscine serait fermée jusqu'à la fin des travaux de la toiture, selon la mairie."
        ),
        Document(QUIET, headline="EU extends sanctions"),
        Document(PAGE, Form.PAGE),
        Document("Sign in\nSubscribe\n", Form.PAGE),
        Document(f"<h1>Banks under sanctions</h1><p>{SANCTIONS}</p>", Form.HTML),
    ]
    return [classify(release, document) for document in documents]


def samples(counted: Metrics, release: Release | None = None) -> dict[tuple[str, ...], float]:
    """Every sample of an exposition by its name and label values."""
    families = Exposition(counted, release).collect()
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_documents_are_counted_by_what_became_of_them(counted: Metrics, results: list[Result]) -> None:
    """Every document is either unusable, without a topic for a reason, or assigned one; segments go by role."""
    counted.results([*results, {"document_id": "x", "error": {}}])
    found = samples(counted)
    assert found["wiretag_documents_total",] == len(results)
    assert found["wiretag_document_errors_total",] == 1
    for reason in ("below_threshold", "too_short", "out_of_vocabulary", "unsupported_language"):
        expected = sum(result["reason"] == reason for result in results)
        assert found["wiretag_none_total", reason] == expected
    for decision in ("assigned", "review"):
        topics = [t["topic"] for result in results for t in result["topics"] if t["decision"] == decision]
        assert found["wiretag_topics_total", "sanctions", decision] == topics.count("sanctions") > 0
    roles = [segment["role"] for result in results for segment in result["segments"]]
    assert found["wiretag_segments_total", "main"] == roles.count("main") == 2
    assert found["wiretag_segments_total", "related"] == roles.count("related") == 1
    assert found["wiretag_page_segments_count",] == 3
    assert found["wiretag_topic_score_count", "sanctions"] == len(results) - 1  # one page has no story


def test_what_is_shown_does_not_change_what_is_counted(counted: Metrics, release: Release) -> None:
    """A client that asks for one topic, or for all, is counted like one that does not."""
    for options in (Options(), Options(limit=1), Options(topics=frozenset({"media_freedom"})), Options(explain=True)):
        counted.results([classify(release, Document(SANCTIONS), options)])
    assert samples(counted)["wiretag_topics_total", "sanctions", "assigned"] == 4
    assert samples(counted)["wiretag_topics_total", "media_freedom", "review"] == 0


def test_many_at_once_are_counted_as_one_by_one(results: list[Result], clock: Clock) -> None:
    """A large request is counted by arrays and a small one by a loop, to the same sums."""
    single, batch = Metrics(Counts(2), clock), Metrics(Counts(2), clock)
    every = results * 9
    for result in every:
        single.results([result])
    batch.results(every)
    ours, theirs = samples(single), samples(batch)
    assert ours.keys() == theirs.keys()
    assert list(ours.values()) == pytest.approx(list(theirs.values()))


def test_requests_are_counted_by_route_method_and_status(counted: Metrics) -> None:
    """Unknown routes, methods and statuses are one each, so that nobody can make label values."""
    counted.request("/classify", "POST", 200, 0.003)
    counted.request("/classify", "POST", 200, 0.3)
    counted.request(None, "BREW", 299, 99.0)
    found = samples(counted)
    assert found["wiretag_requests_total", "/classify", "POST", "200"] == 2
    assert found["wiretag_requests_total", "other", "other", "other"] == 1
    assert found["wiretag_request_duration_seconds_bucket", "/classify", "0.005"] == 1
    assert found["wiretag_request_duration_seconds_bucket", "/classify", "+Inf"] == 2
    assert found["wiretag_request_duration_seconds_sum", "/classify"] == pytest.approx(0.303)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.text()), st.text(), st.integers(), st.floats()), max_size=80))
@example([(f"/{number}", "", 200, 0.1) for number in range(60)])
@example([("\x00", "", 200, 0.1), ("a", "", 200, 0.1), ("a\x00", "", 200, 0.1)])
def test_nothing_said_about_a_request_can_raise_or_grow(calls: list[tuple[str | None, str, int, float]]) -> None:
    """Label values are bounded whatever is said."""
    counted = Metrics(Counts(2))
    for route, method, status, seconds in calls:
        counted.request(route, method, status, seconds)
        counted.shed(method)
        counted.reload(method, method[:3])
    assert len(counted.counts.by_label("routes", counted.counts.rows["requests"])) <= ROOM["routes"]
    assert sum(value for (name, *_), value in samples(counted).items() if name == "wiretag_requests_total") == len(calls)


def test_a_fault_in_counting_fails_no_request(counted: Metrics, results: list[Result]) -> None:
    """What cannot be counted is left out."""
    broken = Result({"reason": None}, Form.TEXT, (), results[0].release)
    counted.results([broken])
    counted.results(None)  # type: ignore[arg-type] # on purpose
    counted.results(results)
    assert samples(counted)["wiretag_documents_total",] == len(results)


def _with_topics(release: Release, n: int, prefix: str) -> Release:
    """A release of n topics with other names, as far as counting looks at one."""
    topics = tuple(replace(release.topics[0], id=f"{prefix}{number}") for number in range(n))
    return replace(release, version=f"{prefix}{n}", topics=topics)


def _result(release: Release, like: Result) -> Result:
    reading = like.readings[0]
    n = len(release.topics)
    scored = reading.scored._replace(scores=[0.5] * n, margins=[0.0] * n)
    changed = replace(reading, scored=scored, decisions=(reading.decisions[0],) * n)
    return Result(dict(like), Form.TEXT, (changed,), release)


@pytest.mark.parametrize("n_results", [1, 20])
def test_topics_may_change_with_the_release(counted: Metrics, results: list[Result], n_results: int) -> None:
    """A new topic is counted under its name; with more of them than there is room for the rest are "other"."""
    old = results[0].release
    counted.results([results[0]])
    counted.results([_result(_with_topics(old, 80, "t"), results[0])] * n_results)
    found = samples(counted)
    n_named = ROOM["topics"] - 1 - len(old.topics)
    assert found["wiretag_topic_score_count", "sanctions"] == 1
    assert found["wiretag_topic_score_count", "t0"] == n_results
    assert found["wiretag_topic_score_count", "other"] == (80 - n_named) * n_results


def test_results_of_several_releases_are_kept_apart(counted: Metrics, results: list[Result]) -> None:
    """Where a release was exchanged meanwhile, every result counts for its own."""
    other = _result(_with_topics(results[0].release, 2, "t"), results[0])
    counted.results([results[0], other, {"error": {}}, results[0]])
    found = samples(counted)
    assert (found["wiretag_topic_score_count", "sanctions"], found["wiretag_topic_score_count", "t1"]) == (2, 1)


def test_threads_lose_nothing(counted: Metrics, results: list[Result]) -> None:
    """Eight threads count as one would."""

    def work() -> None:
        for _ in range(200):
            counted.request("/classify", "POST", 200, 0.5)
            counted.results(results[:2])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(counted)
    assert found["wiretag_requests_total", "/classify", "POST", "200"] == 1600
    assert found["wiretag_request_duration_seconds_sum", "/classify"] == 800
    assert found["wiretag_documents_total",] == 3200


def test_a_slot_goes_to_the_next_worker_with_its_counts(results: list[Result], clock: Clock) -> None:
    """What a dead worker counted stays, under the same labels; what was under way with it does not."""
    counts = Counts(4)
    first = Metrics(counts, clock)
    first.serves("v1")
    first.take(2)
    first.results(results)
    first.request("/a", "GET", 200, 0.1)
    first._under_way(+3)
    counts.vacate(2)
    assert samples(first)["wiretag_requests_in_flight",] == 0
    second = Metrics(counts, clock)
    second.serves("v2")
    second.take(2)
    second.request("/b", "GET", 200, 0.1)
    second.request("/a", "GET", 200, 0.1)
    found = samples(second)
    assert found["wiretag_requests_total", "/a", "GET", "200"] == 2
    assert found["wiretag_requests_total", "/b", "GET", "200"] == 1
    assert found["wiretag_documents_total",] == len(results)
    assert found["wiretag_model_workers", "v2"] == 2
    assert ("wiretag_model_workers", "v1") not in found


def test_workers_take_the_lowest_free_slot() -> None:
    """Slot 0 is the parent's; a slot is free as soon as gunicorn knows of no worker that holds it."""
    counts = Counts(4)
    assert counts.free_slot([]) == 1
    assert counts.free_slot([1, 3]) == 2
    assert counts.free_slot([1, 2, 3]) == 3  # more workers than slots: the last is shared rather than none served
    assert set(worker_hooks()) == {"pre_fork", "post_fork", "child_exit"}


def _sums(counted: Metrics, release: Release) -> float:
    window = counted.counts.window(release.version, int(counted.clock() // (counted.window / SUB_WINDOWS)))
    return float(window["tokens"][:-1].sum())


def test_the_window_slides(counted: Metrics, results: list[Result], clock: Clock, release: Release) -> None:
    """What was counted a day ago is out of the window, and what was counted since is in it."""
    counted.results(results[:5])
    clock.now += 12 * 3600
    counted.results(results[:3])
    assert _sums(counted, release) == 8
    clock.now += 12 * 3600
    assert _sums(counted, release) == 3  # also where nobody has counted since
    counted.results(results[:1])
    assert _sums(counted, release) == 4
    clock.now += 100 * 3600
    assert _sums(counted, release) == 0
    counted.results(results[:1])
    assert _sums(counted, release) == 1
    clock.now -= 3600  # a clock that stands still or errs loses nothing
    counted.results(results[:1])
    assert _sums(counted, release) == 2


def test_a_window_is_about_one_release(counted: Metrics, results: list[Result], release: Release) -> None:
    """Scores of the release before say nothing of this one."""
    counted.results(results[:5])
    other = _with_topics(release, 2, "t")
    counted.results([_result(other, results[0])])
    assert (_sums(counted, release), _sums(counted, other)) == (0, 1)


def test_in_flight_rises_and_falls(counted: Metrics) -> None:
    """A request is under way until its answer was sent or given up, a failed one too."""
    seen: list[Any] = []

    class Broken(list[bytes]):
        def close(self) -> None:
            raise ConnectionError

    class App:
        def wsgi_app(self, environ: dict[str, Any], _: object) -> list[bytes]:
            seen.append(samples(counted)["wiretag_requests_in_flight",])
            if "fail" in environ:
                raise KeyError
            return Broken() if "break" in environ else [b"answer"]

    app: Any = App()
    counted.init_app(app, 24)
    answer = app.wsgi_app({}, None)
    assert seen == [1]
    assert samples(counted)["wiretag_requests_in_flight",] == 1
    answer.close()
    with pytest.raises(KeyError):
        app.wsgi_app({"fail": True}, None)
    broken = app.wsgi_app({"break": True}, None)
    with pytest.raises(ConnectionError):
        broken.close()
    assert samples(counted)["wiretag_requests_in_flight",] == 0


def test_rows_lie_so_that_single_numbers_can_be_counted() -> None:
    """Every row is aligned, not the first alone."""
    rows = Counts(3).rows
    assert all(np.asarray(rows[field][slot]).flags.aligned for field in ("requests", "shed", "measured") for slot in range(3))
