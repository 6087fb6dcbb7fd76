"""What a retraining found: a page that needs no other file, and JSON."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from numpy.typing import NDArray

from models.errors import WiretagError
from training.corpus import Segment
from training.gate import shown
from training.holdout import Judged
from training.learning import MORE, LearningCurve
from training.retrain import Outcome, Result

N_ERRORS = 12  # worst errors shown a topic
N_BINS = 5
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of a chart: points in [0, 1] × [0, 1], and which of the two models it is."""

    who: str
    points: Points

    @property
    def path(self) -> str:
        """The points as an SVG path in a square of 100 × 100, y upwards."""
        return "M" + "L".join(f"{100 * x:.1f} {100 - 100 * y:.1f}" for x, y in self.points)


def write_report(folder: Path, result: Result, curve: LearningCurve | None) -> Path:
    """Write report.json and report.html into a folder, and give it. Raises `WiretagError` where that cannot be written."""
    told = result.as_dict() | {"learning_curve": _curve_json(curve), "curves": _curves_json(result)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("report.json", json.dumps(told, indent=2) + "\n"), ("report.html", page(result, curve))):
            aside = folder / f".{name}"
            aside.write_text(content, encoding="utf-8")
            os.replace(aside, folder / name)
    except OSError as error:
        promoted = result.outcome is Outcome.PROMOTED
        stands = f"{result.challenger.version} serves all the same" if promoted else "the old model serves on"
        raise WiretagError(
            f"{folder}: the report cannot be written ({error.strerror}); {stands}; name another --report"
        ) from None
    return folder


def page(result: Result, curve: LearningCurve | None) -> str:
    """The page."""
    environment = Environment(loader=PackageLoader("training", "."), autoescape=select_autoescape(["html"]), trim_blocks=True)
    environment.filters["figure"] = shown
    challenger = result.judged[1]
    topics = []
    for topic, truth, columns in _columns(result):
        topics.append(
            {
                "id": topic,
                "support": int(truth.sum()),
                "precision_recall": [Line(who, precision_recall(truth, scores)) for who, scores in columns],
                "reliability": [Line(who, reliability(truth, scores)) for who, scores in columns],
                "errors": worst_errors(result.segments, challenger, topic),
            }
        )
    return environment.get_template("report.html").render(
        result=result,
        topics=topics,
        confusion=confusion(result.segments, challenger),
        names=[*challenger.topics, "none"],
        curve=_drawn(curve),
        more=MORE,
    )


def _columns(result: Result) -> Iterator[tuple[str, Bools, list[tuple[str, Floats]]]]:
    """Every topic with what is true of the holdout and the scores of each model that has it."""
    champion, challenger = result.judged
    models = [(who, model) for who, model in (("champion", champion), ("challenger", challenger)) if model is not None]
    for topic in challenger.topics:
        truth = np.array([topic in segment.topics for segment in result.segments])
        yield (
            topic,
            truth,
            [(who, model.scores[:, model.topics.index(topic)]) for who, model in models if topic in model.topics],
        )


def precision_recall(truth: Bools, scores: Floats) -> Points:
    """(recall, precision) as the threshold falls, best scores first."""
    if not truth.any():
        return [(0.0, 0.0)]
    order = np.argsort(-scores, kind="stable")
    both = np.cumsum(truth[order])
    precision, recall = both / np.arange(1, len(order) + 1), both / both[-1]
    keep = np.flatnonzero(np.diff(np.append(scores[order], -1)))  # ties fall together
    return [(float(recall[i]), float(precision[i])) for i in keep if i <= np.searchsorted(both, both[-1])] or [
        (1.0, float(precision[-1]))
    ]


def reliability(truth: Bools, scores: Floats) -> Points:
    """(mean score, share true) in bins of the score; empty bins are left out."""
    bins = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    return [(float(scores[bins == b].mean()), float(truth[bins == b].mean())) for b in range(N_BINS) if (bins == b).any()] or [
        (0.0, 0.0)
    ]


def confusion(segments: Sequence[Segment], model: Judged) -> list[list[int]]:
    """Rows: what segments are (a topic, or none). Columns: what they are given. A segment with several counts in each."""
    n = len(model.topics)
    table = [[0] * (n + 1) for _ in range(n + 1)]
    for segment, row in zip(segments, model.assigned, strict=True):
        is_ = [i for i, topic in enumerate(model.topics) if topic in segment.topics] or [n]
        given = np.flatnonzero(row).tolist() or [n]
        for i in is_:
            for j in [i] if i in given else given:
                table[i][j] += 1
        for j in set(given) - set(is_) if is_ != [n] else ():
            table[is_[0]][j] += is_[0] in given  # given besides the right one
    return table


def worst_errors(segments: Sequence[Segment], model: Judged, topic: str) -> list[dict[str, Any]]:
    """The segments on which a model is most wrong about a topic, worst first, by id: a report holds no text."""
    column = model.topics.index(topic)
    found: list[tuple[float, dict[str, Any]]] = []
    for segment, score, given in zip(segments, model.scores[:, column], model.assigned[:, column], strict=True):
        if given != (topic in segment.topics) and topic not in segment.unsure:
            error = {"id": segment.id, "score": round(float(score), 3), "kind": "false alarm" if given else "missed"}
            found.append((float(score if given else 1 - score), error))
    return [error for _, error in sorted(found, key=lambda each: -each[0])[:N_ERRORS]]


def _drawn(curve: LearningCurve | None) -> dict[str, Any] | None:
    if curve is None or len(curve.sizes) < 2:
        return None
    low = min(curve.macro_f1) - 0.02
    high = max(curve.macro_f1) + 0.02
    points = [(n / curve.sizes[-1], (f1 - low) / (high - low)) for n, f1 in zip(curve.sizes, curve.macro_f1, strict=True)]
    return {
        "line": Line("challenger", points),
        "points": list(zip(points, curve.sizes, curve.macro_f1, strict=True)),
        "expected": curve.expected(),
    }


def _curves_json(result: Result) -> dict[str, dict[str, dict[str, Points]]]:
    return {
        topic: {
            name: {who: [(round(x, 4), round(y, 4)) for x, y in curve(truth, scores)] for who, scores in columns}
            for name, curve in (("precision_recall", precision_recall), ("reliability", reliability))
        }
        for topic, truth, columns in _columns(result)
    }


def _curve_json(curve: LearningCurve | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    return {"sizes": curve.sizes, "macro_f1": curve.macro_f1, f"expected_gain_of_{MORE}_labels": curve.expected()}
