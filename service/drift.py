"""GET /drift: what the service met in its sliding window, beside what the model expects to meet.

The population stability index of two distributions is Σ (observed - expected) · ln(observed / expected) over their bins. Credit
scoring takes less than 0.1 for little change and more than 0.25 for much (Siddiqi 2006, Credit Risk Scorecards). Without any
change it still averages (bins - 1) · (1 / n + 1 / n of the reference) (Yurdakul 2018, Statistical Properties of Population
Stability Index, Western Michigan University): few documents say nothing.
"""

import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from flask import Blueprint, Response
from numpy.typing import NDArray

from models.decisions import Cut
from models.reference import EDGES, SCORE_EDGES, ExpectedScores, Shares
from models.release import Release
from service.counts import SUB_WINDOWS
from service.keys import Role, needs
from service.metrics import Metrics, metrics
from service.model import serving
from service.openapi import operation
from service.terms import RisingTerm, rising
from service.wire import json_response

CHANGED, MUCH = 0.1, 0.25
MIN_DOCUMENTS = 200  # documents or pages in the window; of fewer the index is chance
_LEAST = 0.0001  # share that an empty bin is taken to have

blueprint = Blueprint("drift", __name__)


class Bin(msgspec.Struct):
    """A bin: values up to an edge (null: beyond the last), and the shares that were expected and observed."""

    up_to: float | None
    expected: float | None
    observed: float


class Quantity(msgspec.Struct):
    """One distribution. `count` is of documents or, for `segments`, of pages; `by_chance` what the index would be of no change.

    `reading`: stable, changed, much_changed, too_few or no_reference; without reference or documents `psi` is null.
    """

    quantity: str
    topic: str | None
    count: int
    psi: float | None
    by_chance: float | None
    reading: str
    bins: list[Bin]


class Drift(msgspec.Struct):
    """What was met in the window, compared; and the unknown words that rise in it."""

    model_version: str
    window_hours: float
    has_reference: bool
    quantities: list[Quantity]
    rising_terms: list[RisingTerm]


@blueprint.get("/drift")
@needs(Role.CLASSIFY)
@operation("How the documents of late differ from what the model expects", Drift, problems=(503,))
def drift() -> Response:
    """What was met of late, compared with the reference of the serving release."""
    return json_response(measure(serving(), metrics))


def measure(release: Release, counted: Metrics) -> Drift:
    """The drift of what was counted from what a release expects."""
    return Drift(
        release.version,
        counted.window / 3600,
        release.reference is not None,
        list(_quantities(release, counted)),
        rising(
            [counted.counts.snapshots[slot] for slot in counted.counts.used()],
            release.version,
            int(counted.clock() // (counted.window / 2)),
        ),
    )


def stability_index(expected: Sequence[float], observed: Sequence[float]) -> float:
    """The population stability index of two lists of shares."""
    pairs = [(max(e, _LEAST), max(o, _LEAST)) for e, o in zip(expected, observed, strict=True)]
    return sum((o - e) * math.log(o / e) for e, o in pairs)


def _quantities(release: Release, counted: Metrics) -> Iterator[Quantity]:
    window = counted.counts.window(release.version, int(counted.clock() // (counted.window / SUB_WINDOWS)))
    reference = release.reference
    n_reference = {name: reference.n_pages if name == "segments" else reference.n_texts for name in EDGES} if reference else {}
    for name, edges in EDGES.items():
        expected = reference.shares.get(name) if reference else None
        yield _compare((name, None), edges, window[name][:-1], expected, n_reference.get(name, 0))
    n_texts = reference.n_texts if reference else 0
    for topic, cut in zip(release.topics, release.cuts, strict=True):
        scores = window["scores"].get(topic.id)
        if scores is None:
            continue  # not counted yet, or among more topics than there is room for
        decisions = window["decisions"][topic.id]
        given = np.array([scores[:-1].sum() - decisions.sum(), decisions[1], decisions[0]])
        known = reference.scores[topic.id] if reference else None
        decided = _decided(known, cut) if known else None
        yield _compare(("decisions", topic.id), (cut.review, cut.threshold), given, decided, n_texts)
        yield _compare(("scores", topic.id), SCORE_EDGES, scores[:-1], known.shares() if known else None, n_texts)


def _decided(known: ExpectedScores, cut: Cut) -> Shares:
    """The shares of texts expected to be given nothing, for review, and assigned."""
    review, threshold = known.up_to(cut.review), known.up_to(cut.threshold)
    return review, threshold - review, 1 - threshold


def _compare(
    name: tuple[str, str | None],
    edges: Sequence[float],
    counts: NDArray[np.float64],
    expected: Shares | None,
    n_reference: int,
) -> Quantity:
    n = int(counts.sum())
    observed = [round(float(share), 5) for share in counts / max(1, n)]
    limits = [*edges, None]
    if expected is None:
        bins = [Bin(limit, None, share) for limit, share in zip(limits, observed, strict=True)]
        return Quantity(*name, n, None, None, "no_reference", bins)
    bins = [Bin(*each) for each in zip(limits, (round(share, 5) for share in expected), observed, strict=True)]
    if n < MIN_DOCUMENTS:
        return Quantity(*name, n, None, None, "too_few", bins)
    psi = stability_index(expected, observed)
    reading = "stable" if psi < CHANGED else "changed" if psi <= MUCH else "much_changed"
    by_chance = (len(bins) - 1) * (1 / n + 1 / n_reference)
    return Quantity(*name, n, round(psi, 4), round(by_chance, 4), reading, bins)
