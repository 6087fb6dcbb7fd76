"""What a model expects to meet: distributions stored with its release, with which a stream of documents can be compared.

They come from texts the model had not seen when it read them. Scores are kept apart for texts with and without the topic, so
that what is expected follows from the topic's share on the stream, whatever its share of the training corpus.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

Shares = tuple[float, ...]  # one a bin

# Upper edges of bins, inclusive; one more bin is open. They part our corpus into bins of some weight each.
SCORE_EDGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
EDGES: Mapping[str, tuple[float, ...]] = {
    "unknown_terms": (0.38, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.55, 0.65, 0.8),  # share of a text's tokens that the model lacks
    "tokens": (25, 50, 75, 100, 150, 200, 300, 400, 600, 1000, 2000),  # of a text
    "segments": (0, 1, 2, 3, 4, 5, 6, 8, 10, 15),  # of a page
}
_LOG_ODDS = tuple(math.log(edge / (1 - edge)) for edge in SCORE_EDGES)
_FAR = 12.0  # log-odds beyond which no score lies


@dataclass(frozen=True, slots=True)
class ExpectedScores:
    """The scores of one topic: shares a bin of texts that have it and of those that have not, and what they are weighed with.

    prior: the topic's share on the stream; shift: by how much serving moves the log-odds of every score.
    """

    having: Shares
    lacking: Shares
    prior: float
    shift: float = 0.0

    def up_to(self, score: float) -> float:
        """The share of texts that are expected to score at most `score`. Between edges it is interpolated over log-odds."""
        if not 0 < score < 1:
            return float(score >= 1)
        at = math.log(score / (1 - score)) - self.shift
        grid = (-_FAR, *_LOG_ODDS, _FAR)
        having, lacking = (np.interp(at, grid, (0, *np.cumsum(shares))) for shares in (self.having, self.lacking))
        return float(self.prior * having + (1 - self.prior) * lacking)

    def shares(self) -> Shares:
        """The share of texts that are expected in every bin of `SCORE_EDGES`."""
        return tuple(b - a for a, b in pairwise((0.0, *map(self.up_to, SCORE_EDGES), 1.0)))


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model expects of `n_texts` texts and `n_pages` pages.

    shares: for every quantity of `EDGES` that was measured, the share of texts or pages a bin; scores: by topic.
    """

    n_texts: int
    n_pages: int
    shares: Mapping[str, Shares]
    scores: Mapping[str, ExpectedScores]

    def with_prior(self, topic: str, prior: float, shift: float) -> "Reference":
        """The reference for a stream on which a topic has another share, its log-odds moved by `shift`."""
        return replace(self, scores={**self.scores, topic: replace(self.scores[topic], prior=prior, shift=shift)})


def histogram(values: Sequence[float], edges: Sequence[float]) -> Shares:
    """The share of values in every bin, to five digits; nothing for no values."""
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_left(edges, value)] += 1
    return tuple(round(count / len(values), 5) for count in counts) if len(values) else ()


def parse_reference(content: Mapping[str, Any] | None, topics: Sequence[str], prior: float) -> Reference | None:
    """The reference of a manifest; None where it has none, or one with other bins than are counted here.

    Raises `KeyError`, `TypeError` or `ValueError` for one that is damaged.
    """
    if content is None:
        return None
    measured = {name: content[name] for name in EDGES if name in content}
    bins = {name: tuple(each["up_to"]) for name, each in measured.items()}
    if any(bins[name] != EDGES[name] for name in bins) or tuple(content["scores"]["up_to"]) != SCORE_EDGES:
        return None
    return Reference(
        int(content["texts"]),
        int(content["pages"]),
        {name: _shares(each["shares"], len(bins[name])) for name, each in measured.items()},
        {
            topic: ExpectedScores(
                _shares(content["scores"]["topics"][topic]["having"], len(SCORE_EDGES)),
                _shares(content["scores"]["topics"][topic]["lacking"], len(SCORE_EDGES)),
                prior,
            )
            for topic in topics
        },
    )


def _shares(values: Sequence[float], n_edges: int) -> Shares:
    shares = tuple(float(value) for value in values)
    if len(shares) != n_edges + 1 or not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 0.001:
        raise ValueError("the reference holds shares that do not sum to 1")
    return shares
