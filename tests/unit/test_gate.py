"""The gate's arithmetic, what is added to a corpus, and the report's curves."""

import numpy as np
import pytest

from training.additions import merge
from training.corpus import Segment
from training.gate import Gate, compare
from training.holdout import Judged
from training.learning import LearningCurve
from training.report import confusion, precision_recall, reliability, worst_errors


def _segment(name: str, text: str, *topics: str, group: str = "") -> Segment:
    return Segment(name, None, text, frozenset(topics), group or name, "test")


HOLDOUT = [_segment(f"h{n}", f"text {n}", *(["a"] if n % 2 else [])) for n in range(400)]
TRUTH = np.array([[bool(s.topics)] for s in HOLDOUT])


def _model(wrong: int, *, alarms: int = 0) -> Judged:
    """A model that misses the first `wrong` segments of the topic and gives it to the first `alarms` without."""
    assigned = TRUTH.copy()
    assigned[np.flatnonzero(TRUTH[:, 0])[:wrong]] = False
    assigned[np.flatnonzero(~TRUTH[:, 0])[:alarms]] = True
    return Judged("v", ("a",), np.where(assigned, 0.9, 0.1), assigned)


def _passed(champion: Judged, challenger: Judged) -> dict[str, bool]:
    return {check.name: check.passed for check in compare(Gate(), HOLDOUT, champion, challenger)}


def test_the_same_model_passes_and_a_worse_one_does_not() -> None:
    """Equal is not worse; a topic that loses a tenth of its recall is, and so is a flood of false alarms."""
    assert all(_passed(_model(10), _model(10)).values())
    assert all(_passed(_model(10), _model(2)).values())
    assert _passed(_model(0), _model(20)) == {"macro_f1": False, "f1 of a": False, "false_alarms": True}
    assert _passed(_model(0), _model(0, alarms=20))["false_alarms"] is False


def test_a_topic_may_have_a_margin_of_its_own() -> None:
    """A desk can ask more of what matters most to it."""
    loose, strict = Gate(topics={"a": 0.5}), Gate(topics={"a": 0.001})
    verdicts = [{c.name: c.passed for c in compare(gate, HOLDOUT, _model(0), _model(4))}["f1 of a"] for gate in (loose, strict)]
    assert verdicts == [True, False]


def test_additions_never_touch_the_holdout() -> None:
    """What repeats the holdout is set aside, a changed label stands, the same label again adds nothing."""
    words = " ".join(f"word{n}" for n in range(40))
    corpus = [
        _segment("c0", f"held {words}", "a"),
        _segment("c1", "bees swarm over the town hall"),
        _segment("c2", "honey", "a"),
    ]
    merged = merge(
        corpus,
        [0, 1, 2],
        [
            _segment("n0", f"HELD, {words}!"),  # the holdout's words again, labelled otherwise
            _segment("n1", f"nearly held {words}"),
            _segment("n2", "Bees swarm over the town hall.", "a"),
            _segment("n3", "honey", "a"),
            _segment("n4", "something new"),
            _segment("n5", "something new", "a"),
        ],
    )
    assert merged.held_out == ("n0", "n1")
    assert merged.known == ("n3",)
    assert [(s.id, sorted(s.topics)) for s in merged.corpus] == [("c0", ["a"]), ("c1", ["a"]), ("c2", ["a"])]
    assert [(s.id, sorted(s.topics)) for s in merged.added] == [("n5", ["a"])]
    assert [(c.first, c.second, c.stands) for c in merged.conflicts] == [
        ("c0", "n0", "c0"),
        ("c1", "n2", "n2"),
        ("n4", "n5", "n5"),
    ]


def test_more_labels_bring_less_and_less() -> None:
    """The curve's law is found again, and too few points say nothing."""
    sizes = (1000, 2000, 3000, 4000)
    curve = LearningCurve(sizes, tuple(1 - 5 * n**-0.5 for n in sizes))
    assert curve.expected(500) == pytest.approx(5 * 4000**-0.5 - 5 * 4500**-0.5, abs=1e-9)
    assert LearningCurve((10,), (0.5,)).expected() is None


def test_the_reports_figures() -> None:
    """Curves, confusion and worst errors of a case that can be done by hand."""
    truth, scores = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.3, 0.1])
    assert precision_recall(truth, scores) == [(0.5, 1.0), (0.5, 0.5), (1.0, pytest.approx(2 / 3))]
    assert reliability(truth, scores)[-1] == (pytest.approx(0.85), 0.5)
    segments = [_segment("s0", "x", "a"), _segment("s1", "x"), _segment("s2", "x", "b"), _segment("s3", "x")]
    assigned = np.array([[True, True], [True, False], [False, False], [False, False]])
    model = Judged("v", ("a", "b"), np.array([[0.9, 0.8], [0.95, 0], [0, 0.2], [0, 0]]), assigned)
    assert confusion(segments, model) == [[1, 1, 0], [0, 0, 1], [1, 0, 1]]
    assert worst_errors(segments, model, "a") == [{"id": "s1", "score": 0.95, "kind": "false alarm"}]
    assert [error["id"] for error in worst_errors(segments, model, "b")] == ["s0", "s2"]
