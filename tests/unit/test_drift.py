"""The stability index, and what is made of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.pipeline import Document, Form, Result, classify
from models.release import Release, with_prior
from service.counts import Counts
from service.drift import CHANGED, MIN_DOCUMENTS, MUCH, Drift, Quantity, measure, stability_index
from service.metrics import Metrics
from training.corpus import CORPUS_DIR, read_segments


def test_the_index_of_a_known_case() -> None:
    """Worked by hand: (0.6 - 0.5) · ln(0.6 / 0.5) + (0.4 - 0.5) · ln(0.4 / 0.5)."""
    assert stability_index([0.5, 0.5], [0.6, 0.4]) == pytest.approx(0.0182322 + 0.0223144, abs=1e-6)
    assert stability_index([0.2, 0.8], [0.2, 0.8]) == 0
    assert stability_index([0.9, 0.1], [0.1, 0.9]) == pytest.approx(stability_index([0.1, 0.9], [0.9, 0.1]))
    assert stability_index([1.0, 0.0], [0.0, 1.0]) < 20, "an empty bin is no infinity"


def test_chance_alone_gives_what_is_said_to_be_chance() -> None:
    """Yurdakul's mean of the index without any change, by simulation."""
    rng = np.random.default_rng(5)
    shares = np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    n, m = 400, 1000
    drawn = [stability_index(rng.multinomial(m, shares) / m, rng.multinomial(n, shares) / n) for _ in range(3000)]
    assert np.mean(drawn) == pytest.approx((len(shares) - 1) * (1 / n + 1 / m), rel=0.05)


@pytest.fixture(scope="module")
def texts(release: Release) -> list[str]:
    return [segment.full_text for segment in read_segments([CORPUS_DIR], [topic.id for topic in release.topics])]


def _counted(results: list[Result]) -> Metrics:
    counted = Metrics(Counts(2))
    counted.results(results)
    return counted


def _quantities(drift: Drift) -> dict[tuple[str, str | None], Quantity]:
    return {(each.quantity, each.topic): each for each in drift.quantities}


def test_the_stream_it_was_made_of_is_stable(release: Release, texts: list[str]) -> None:
    """Texts drawn as the corpus was show no change in length; of their scores the model expects fewer topics, and says so."""
    found = _quantities(measure(release, _counted([classify(release, Document(text)) for text in texts[::5]])))
    assert found["tokens", None].reading == "stable"
    assert found["tokens", None].count == len(texts[::5])
    assert found["segments", None].reading == "too_few"
    assert found["decisions", "sanctions"].psi > 0.02  # type: ignore[operator] # it was measured
    for each in found.values():
        assert sum(bin_.observed for bin_ in each.bins) == pytest.approx(1 if each.count else 0, abs=1e-3)
        assert sum(bin_.expected or 0 for bin_ in each.bins) == pytest.approx(1, abs=1e-3)
        assert each.bins[-1].up_to is None


def test_a_changed_stream_is_seen(release: Release, texts: list[str]) -> None:
    """Short texts about sanctions and nothing else: length and that topic are much changed, and the others are seen to be missing."""
    about = [s for s in read_segments([CORPUS_DIR], [t.id for t in release.topics]) if s.topics == {"sanctions"}]
    found = _quantities(measure(release, _counted([classify(release, Document(s.text[:300])) for s in about])))
    assert found["tokens", None].reading == "much_changed"
    assert found["scores", "sanctions"].reading == "much_changed"
    assert found["decisions", "sanctions"].psi > MUCH  # type: ignore[operator] # it was measured
    assigned = found["decisions", "african_diplomacy"].bins[-1]
    assert assigned.observed < assigned.expected  # type: ignore[operator] # it was expected


def test_few_documents_say_nothing(release: Release, texts: list[str]) -> None:
    """Below the least number there is no index, only counts; from there on chance alone stays below a change."""
    few = _quantities(measure(release, _counted([classify(release, Document(text)) for text in texts[: MIN_DOCUMENTS - 1]])))
    assert {(each.reading, each.psi) for each in few.values()} == {("too_few", None)}
    enough = _quantities(measure(release, _counted([classify(release, Document(text)) for text in texts[:MIN_DOCUMENTS]])))
    for name in (("tokens", None), ("scores", "sanctions")):
        assert enough[name].psi is not None
        assert enough[name].by_chance < CHANGED  # type: ignore[operator] # it was measured


def test_pages_are_compared_by_their_segments(release: Release, texts: list[str]) -> None:
    """The number of segments of a page is a quantity of its own, counted in pages."""
    page = classify(release, Document(texts[0], Form.PAGE))
    found = _quantities(measure(release, _counted([page] * MIN_DOCUMENTS)))
    assert found["segments", None].count == MIN_DOCUMENTS
    assert found["segments", None].reading == "much_changed"


def test_a_release_without_a_reference_says_so(release: Release, texts: list[str]) -> None:
    """Counts are shown, nothing is compared."""
    bare = replace(release, reference=None)
    drift = measure(bare, _counted([classify(bare, Document(text)) for text in texts[:300]]))
    assert not drift.has_reference
    assert {(each.reading, each.psi) for each in drift.quantities} == {("no_reference", None)}
    assert {bin_.expected for each in drift.quantities for bin_ in each.bins} == {None}


def test_a_desk_that_states_its_shares_is_measured_by_them(release: Release, texts: list[str]) -> None:
    """With the true share of a topic as the prior, the topic's decisions are nearer to what is expected."""
    every: Any = read_segments([CORPUS_DIR], [topic.id for topic in release.topics])[::3]
    share = sum("african_diplomacy" in segment.topics for segment in every) / len(every)
    told = with_prior(release, {"african_diplomacy": share})
    plain, stated = (
        _quantities(measure(model, _counted([classify(model, Document(s.full_text)) for s in every])))[
            "decisions", "african_diplomacy"
        ]
        for model in (release, told)
    )
    assert stated.psi < plain.psi  # type: ignore[operator] # both were measured
