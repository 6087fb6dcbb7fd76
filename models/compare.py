"""What changed from one release to another: figures, thresholds, and the words whose weights moved most."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from models.release import Release
from models.scorer import Weights

N_WORDS = 8  # shown a topic and direction


def differences(before: Release, after: Release) -> Iterator[str]:
    """The differences as lines for people."""
    yield from _figures(before.manifest, after.manifest)
    old, new = ({topic.id: n for n, topic in enumerate(release.topics)} for release in (before, after))
    for topic in [topic for topic in old if topic not in new]:
        yield f"{topic}: gone"
    moved = _weights(before.scorer.weights), _weights(after.scorer.weights)
    for topic, column in new.items():
        if topic not in old:
            yield f"{topic}: new"
            continue
        cuts = before.cuts[old[topic]], after.cuts[column]
        if cuts[0] != cuts[1]:
            yield f"{topic}: assigned from {cuts[0].threshold:.3f} → {cuts[1].threshold:.3f}"
        words = _moved(moved[0], moved[1], old[topic], column)
        for name, some in (
            ("more", [each for each in words if each[1] > 0]),
            ("less", [each for each in words if each[1] < 0]),
        ):
            strongest = sorted(some, key=lambda each: -abs(each[1]))[:N_WORDS]
            if strongest:
                yield f"{topic}: {name} for " + ", ".join(f"{word} {change:+.2f}" for word, change in strongest)


def _figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in before.get("evaluation", {}):
        ours, theirs = before["evaluation"][name], after.get("evaluation", {}).get(name)
        if theirs is None or ours.get("sha256") != theirs.get("sha256"):
            continue
        for figure, value in ours.items():
            if isinstance(value, float) and isinstance(theirs.get(figure), float) and value != theirs[figure]:
                yield f"{name}: {figure} {value:.4f} → {theirs[figure]:.4f}"
        for topic, row in ours.get("topics", {}).items():
            new = theirs.get("topics", {}).get(topic, {}).get("f1")
            if new is not None and row["f1"] != new:
                yield f"{name}: F1 of {topic} {row['f1']:.4f} → {new:.4f}"


def _weights(weights: Weights) -> dict[str, Any]:
    """What one occurrence of each word and pair adds to each topic's margin, before the text's norm."""
    names = [*weights.words, *(f"{weights.words[a]} {weights.words[b]}" for a, b in weights.pairs)]
    return dict(zip(names, weights.idf[: len(names), None] * weights.coef[: len(names)], strict=True))


def _moved(before: Mapping[str, Any], after: Mapping[str, Any], old: int, new: int) -> list[tuple[str, float]]:
    changes = (
        (word, float(after[word][new] if word in after else 0) - float(before[word][old] if word in before else 0))
        for word in {**before, **after}
    )
    return [(word, change) for word, change in changes if not np.isclose(change, 0, atol=0.005)]
