"""Figures: how right the decisions are and how honest the scores, with intervals."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.decisions import Decision, decide
from models.release import Release
from training.corpus import Segment

_SENTENCE = re.compile(r"(?<=[.!?])[\"”’]?\s+")
N_BOOTSTRAP = 300
N_BINS = 15

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def evaluate(release: Release, segments: Sequence[Segment]) -> dict[str, Any]:
    """Figures of a release on labelled segments; (segment, topic) pairs marked unsure are left out."""
    ids = [topic.id for topic in release.topics]
    scored = [release.scorer.score(segment.full_text) for segment in segments]
    decisions = [decide(s, release.cuts)[0] for s in scored]
    return figures(
        ids,
        truth=np.array([[topic in segment.topics for topic in ids] for segment in segments]),
        judged=np.array([[topic not in segment.unsure for topic in ids] for segment in segments]),
        assigned=np.array([[d is Decision.ASSIGNED for d in row] for row in decisions]),
        shown=np.array([[d is not Decision.NONE for d in row] for row in decisions]),
        scores=np.array([s.scores for s in scored]),
        groups=[segment.group for segment in segments],
    )


def by_length(release: Release, segments: Sequence[Segment]) -> dict[str, float]:
    """Macro F1 where only the beginning of every segment is read: headline, two sentences, 50 to 200 words, all."""
    cuts: dict[str, Callable[[Segment], Segment]] = {
        "headline": lambda s: replace(s, headline=None, text=s.headline or s.text.split("\n")[0]),
        "2 sentences": lambda s: replace(s, text=" ".join(_SENTENCE.split(s.text)[:2])),
        **{f"{n} words": partial(_first_words, n) for n in (50, 100, 200)},
        "all": lambda s: s,
    }
    return {name: evaluate(release, [cut(s) for s in segments])["macro_f1"] for name, cut in cuts.items()}


def _first_words(n: int, segment: Segment) -> Segment:
    return replace(segment, text=" ".join(segment.text.split()[:n]))


def figures(
    topics: Sequence[str],
    *,
    truth: Bools,
    judged: Bools,
    assigned: Bools,
    shown: Bools,
    scores: Floats,
    groups: Sequence[str],
) -> dict[str, Any]:
    """Figures from matrices (segments, topics): what is true, judged, assigned, assigned or for review, and the scores."""
    per_topic = {}
    for index, topic in enumerate(topics):
        y, p = truth[judged[:, index], index], assigned[judged[:, index], index]
        tp = int((y & p).sum())
        per_topic[topic] = {
            "f1": _round(_f1(tp, int(p.sum()), int(y.sum()))),
            "precision": _round(tp / p.sum()) if p.any() else None,
            "recall": _round(tp / y.sum()) if y.any() else None,
            "support": int(y.sum()),
        }
    y, p, s = truth & judged, assigned & judged, shown & judged
    low, high = _bootstrap(truth, judged, assigned, groups)
    return {
        "segments": len(truth),
        "macro_f1": _round(macro_f1(truth, judged, assigned)),
        "macro_f1_95": [_round(low), _round(high)],
        "false_alarm_rate": _round(_false_alarms(truth, judged, assigned)),
        "assigned_precision": _round((y & p).sum() / max(1, p.sum())),
        "assigned_or_review_recall": _round((y & s).sum() / max(1, y.sum())),
        "calibration_error": _round(calibration_error(scores[judged], truth[judged])),
        "topics": per_topic,
    }


def macro_f1(truth: Bools, judged: Bools, assigned: Bools) -> float:
    """Mean of the topics' F1; a topic that neither is nor is said is left out."""
    y, p = truth & judged, assigned & judged
    n_true, n_said, n_both = y.sum(axis=0), p.sum(axis=0), (y & p).sum(axis=0)
    used = n_true + n_said > 0
    return float(np.mean(2 * n_both[used] / (n_true + n_said)[used])) if used.any() else 0.0


def calibration_error(scores: Floats, truth: Bools) -> float:
    """Expected calibration error over bins of equal mass (Naeini et al. 2015, equal-mass variant)."""
    order = np.argsort(scores, kind="stable")
    bins = [part for part in np.array_split(order, N_BINS) if len(part)]
    return float(sum(len(part) * abs(scores[part].mean() - truth[part].mean()) for part in bins) / max(1, len(scores)))


def _f1(both: int, said: int, true: int) -> float:
    return 2 * both / (said + true) if said + true else 0.0


def _false_alarms(truth: Bools, judged: Bools, assigned: Bools) -> float:
    """Share of segments with no topic, none of them unsure, that were given one."""
    quiet = ~truth.any(axis=1) & judged.all(axis=1)
    return float(assigned[quiet].any(axis=1).mean()) if quiet.any() else 0.0


def _bootstrap(truth: Bools, judged: Bools, assigned: Bools, groups: Sequence[str]) -> tuple[float, float]:
    """The 95 % interval of macro F1 over resampled groups (percentile bootstrap, Efron 1979)."""
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    of_group = np.array([names[group] for group in groups])
    y, p = truth & judged, assigned & judged
    sums = np.zeros((len(names), 3, truth.shape[1]))
    for kind, matrix in enumerate((y, p, y & p)):
        np.add.at(sums[:, kind], of_group, matrix)
    rng = np.random.default_rng(7)
    values = []
    for _ in range(N_BOOTSTRAP):
        n_true, n_said, n_both = sums[rng.integers(0, len(names), len(names))].sum(axis=0)
        used = n_true + n_said > 0
        values.append(float(np.mean(2 * n_both[used] / (n_true + n_said)[used])) if used.any() else 0.0)
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def _round(value: float) -> float:
    return round(float(value), 4)
