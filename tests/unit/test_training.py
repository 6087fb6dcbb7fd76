"""Folds, calibration, thresholds, splices and figures."""

import numpy as np
import pytest

from models.errors import CorpusError
from models.topics import Topic
from training.calibrate import Sigmoid, fit_sigmoid, prior_weights
from training.corpus import Segment
from training.evaluate import calibration_error, figures, macro_f1
from training.features import analyse, background_frequencies, build_vocabulary
from training.fit import assign_folds, beginnings, fit
from training.recipe import load_recipe

RECIPE = load_recipe()


def _segment(n: int, words: int = 20, topics: tuple[str, ...] = (), group: str = "") -> Segment:
    return Segment(
        f"s{n}",
        None,
        " ".join(f"w{n}x{k}" for k in range(words)),
        frozenset(topics),
        group or f"g{n}",
        "test",
    )


def test_groups_stay_in_one_fold() -> None:
    """Variants of one story never stand on both sides of a fold."""
    segments = [_segment(n, group=f"g{n % 7}") for n in range(50)]
    folds = assign_folds(segments, 3)
    assert all(
        len({fold for s, fold in zip(segments, folds, strict=True) if s.group == g}) == 1 for g in {s.group for s in segments}
    )
    assert set(folds) == {0, 1, 2}


def test_the_sigmoid_learns_the_probability_under_the_prior() -> None:
    """Scores mean what they say on a stream where the topic is as frequent as the prior."""
    rng = np.random.default_rng(1)
    margins = rng.normal(0, 2, 40_000)
    truth = rng.random(40_000) < 1 / (1 + np.exp(-(1.5 * margins - 1)))
    found = fit_sigmoid(margins, truth, float(truth.mean()))
    assert found.slope == pytest.approx(1.5, abs=0.05)
    assert found.offset == pytest.approx(-1, abs=0.05)
    assert prior_weights(truth, 0.1)[truth].sum() / len(truth) == pytest.approx(0.1)
    assert fit_sigmoid(margins, np.ones(40_000, bool), 0.1) == Sigmoid(1.0, 0.0)


def test_background_words_count_in_the_norm() -> None:
    """A common word that the corpus lacks is a feature, so that strange texts are not mistaken for familiar ones."""
    vocabulary = build_vocabulary(
        ["alpha beta 2024 in Kenya", "alpha beta 2024 in Chad", "alpha beta gamma 2024 Malian"], RECIPE.features
    )
    assert {"alpha", "beta", "tournament"} <= set(vocabulary.words)
    assert [[vocabulary.words[i] for i in pair] for pair in vocabulary.pairs] == [["alpha", "beta"]]
    assert vocabulary.idf[vocabulary.words.index("city")] < vocabulary.idf[vocabulary.words.index("tournament")]
    assert not [word for word in vocabulary.words if any(char.isdigit() for char in word) or word in ("the", "said", "friday")]
    assert background_frequencies("") == {}
    assert {word for word, kind in zip(vocabulary.words, vocabulary.kinds, strict=True) if kind == 0} >= {
        "kenya",
        "chad",
        "malian",
    }
    assert analyse({"kenya": "<african_state>"}, "In Kenya") == ["in", "kenya", "in kenya", "<african_state>"]


def test_the_beginning_of_a_long_segment_is_learnt_from_as_well() -> None:
    """A model that reads long and short texts is taught on both; short segments are not doubled."""
    made = beginnings([_segment(1, 300, ("a",)), _segment(2, 100)], RECIPE.model)
    assert [(s.id, len(s.text.split()), s.topics) for s in made] == [("s1", RECIPE.model.beginning, {"a"})]


def test_a_topic_with_too_few_stories_is_named() -> None:
    """Ten texts of one story do not make a topic."""
    topic = Topic("a", "A", "d", "e")
    with pytest.raises(CorpusError, match="topic 'a': 1 labelled stories"):
        fit([_segment(n, 10, ("a",), "one") for n in range(30)], [topic], RECIPE)


def test_figures_leave_out_what_is_unsure() -> None:
    """An unsure pair neither helps nor hurts; a quiet segment that is given a topic is a false alarm."""
    truth = np.array([[1, 0], [0, 0], [0, 0], [1, 1]], bool)
    judged = np.array([[1, 1], [1, 1], [0, 1], [1, 1]], bool)
    assigned = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], bool)
    found = figures(
        ["a", "b"],
        truth=truth,
        judged=judged,
        assigned=assigned,
        shown=assigned,
        scores=assigned * 0.9,
        groups=["1", "2", "3", "4"],
    )
    assert found["topics"]["a"] == {"f1": 0.8, "precision": 0.6667, "recall": 1.0, "support": 2}
    assert found["topics"]["b"] == {"f1": 0.0, "precision": None, "recall": 0.0, "support": 1}
    assert found["macro_f1"] == macro_f1(truth, judged, assigned) == pytest.approx(0.4)
    assert found["false_alarm_rate"] == 1.0
    low, high = found["macro_f1_95"]
    assert low <= 0.4 <= high


def test_calibration_error_is_zero_for_honest_scores() -> None:
    """Half of the texts scored 0.5 are true: no error; all of them: 0.5."""
    scores = np.full(3000, 0.5)
    truth = np.arange(3000) % 2 == 0
    assert calibration_error(scores, truth) == pytest.approx(0, abs=0.01)
    assert calibration_error(scores, np.ones(3000, bool)) == pytest.approx(0.5)
