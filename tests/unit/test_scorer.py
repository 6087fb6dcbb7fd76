"""Scores: the service's numbers are scikit-learn's numbers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.release import Release
from models.scoring import logistic
from training.corpus import CORPUS_DIR, read_segments
from training.fit import sklearn_pipeline

ODD = [
    "",
    " ",
    "a",
    "👩‍🚀🚀",
    "Санкции против России",
    "북한 군대 러시아",
    "e\u0301lite\u0301 Zu\u0308rich",
    "\ud800 sanctions \udfff",
    "İ" * 50,
    "Σ ΣΑΣ",
]


def test_scores_equal_scikit_learns(release: Release) -> None:
    """On 1,000 texts of every kind the scorer and the scikit-learn pipeline agree to 1e-9: no model is lost in translation."""
    segments = read_segments([CORPUS_DIR], [topic.id for topic in release.topics])
    texts = ODD + [segment.full_text for segment in segments[: 1000 - len(ODD)]]
    assert len(texts) == 1000
    expected = sklearn_pipeline(release.scorer.weights).predict_proba(texts)
    found = np.array([release.scorer.score(text).scores for text in texts])
    assert np.abs(found - expected).max() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=st.characters(), max_size=300))
def test_contributions_sum_to_the_margin(release: Release, text: str) -> None:
    """Evidence is exact: what the words contribute and the bias make the margin, for any text at all."""
    margins = release.scorer.score(text).margins
    for topic in range(len(release.topics)):
        total = sum(part.contribution for part in release.scorer.contributions(text, topic))
        assert total + release.scorer.weights.bias[topic] == pytest.approx(margins[topic], abs=1e-9)


def test_an_unknown_text_scores_the_bias(release: Release) -> None:
    """A text without a known word gets the prior, not a guess."""
    scored = release.scorer.score("qqzzx zzqqx")
    assert scored.n_known == 0
    assert scored.margins == pytest.approx(release.scorer.weights.bias)


def test_logistic_does_not_overflow() -> None:
    """Margins far out give 0 and 1, not a warning."""
    assert logistic(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


def test_selftest_of_the_release_is_what_it_scores(release: Release) -> None:
    """The shipped self-test is not an empty promise: it holds texts that score high and texts that do not."""
    from models.registry import Registry

    folder = Registry().folder(release.version)
    rows = [json.loads(line) for line in (folder / "selftest.jsonl").read_text(encoding="utf-8").splitlines()]
    best = [max(row["scores"]) for row in rows]
    assert max(best) > 0.9
    assert min(best) < 0.1
