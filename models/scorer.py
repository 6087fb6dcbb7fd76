"""Features to margins to scores, in numpy: the definition of the model.

A text's features are its tokens, the pairs of neighbouring tokens and the kinds of tokens (a name of an African state, say)
that stand in the vocabulary. Feature i, found c times,
weighs `(1 + ln c) · idf[i]`; the weights of a text are divided by their Euclidean norm (Salton & Buckley 1988); the margin of
topic t is `weights · W[:, t] + bias[t]`, and the score its logistic function. W already carries the calibration (Platt 1999),
which is affine, so that the margin is the logit of the calibrated probability.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.text import token_spans, tokens

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What a fitted model knows. The order of features is: words, then pairs, then kinds.

    words: distinct tokens; pairs: int32 (n_pairs, 2), indices into words; kinds: int32 (n_words,), a word's kind or -1;
    idf: (n_features,); coef: (n_features, n_topics); bias: (n_topics,). idf, coef and bias are float64 that fit float32.
    """

    words: list[str]
    pairs: NDArray[np.int32]
    kinds: NDArray[np.int32]
    idf: Floats
    coef: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Scored:
    """One text's scores. `n_known` of its `n_tokens` tokens stand in the vocabulary."""

    margins: Floats
    scores: Floats
    tokens: list[str]
    n_known: int


@dataclass(frozen=True, slots=True)
class Contribution:
    """One occurrence of a feature: its code-point range and what it adds to a topic's margin."""

    start: int
    end: int
    contribution: float


class Scorer:
    """Scores texts. Holds no state of a request; may be shared by threads."""

    def __init__(self, weights: Weights):
        self.weights = weights
        self._ids = {word: index for index, word in enumerate(weights.words)}
        self._n_words = len(weights.words)
        keys = weights.pairs[:, 0].astype(np.int64) * self._n_words + weights.pairs[:, 1]
        order = np.argsort(keys, kind="stable")
        # a sentinel past every key keeps `searchsorted` inside the array
        self._pair_keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._pair_features = np.append(order + self._n_words, 0)

    def score(self, text: str) -> Scored:
        """Margins and scores of one text, one per topic."""
        found = tokens(text)
        ids = self._token_ids(found)
        features, counts = np.unique(self._features(ids)[0], return_counts=True)
        margins = self._weigh(features, counts) @ self.weights.coef[features] + self.weights.bias
        return Scored(margins, logistic(margins), found, int((ids >= 0).sum()))

    def contributions(self, text: str, topic: int) -> list[Contribution]:
        """What each occurrence of each feature adds to the margin of a topic, in text order.

        The contributions and the topic's bias sum to its margin. A feature found c times spreads its part evenly over
        its c occurrences.
        """
        spans = token_spans(text)
        occurrences, places, lengths = self._features(self._token_ids([token for token, _, _ in spans]))
        features, inverse, counts = np.unique(occurrences, return_inverse=True, return_counts=True)
        share = self._weigh(features, counts) * self.weights.coef[features, topic] / counts
        parts = [
            Contribution(spans[place][1], spans[place + length - 1][2], float(share[feature]))
            for feature, place, length in zip(inverse, places, lengths, strict=True)
        ]
        return sorted(parts, key=lambda part: (part.start, part.end))

    def _token_ids(self, found: list[str]) -> NDArray[np.int64]:
        get = self._ids.get
        return np.fromiter((get(token, -1) for token in found), np.int64, len(found))

    def _features(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Feature, index of its first token, and its length in tokens, for every occurrence in a text."""
        at = np.flatnonzero(ids >= 0)
        left, right = ids[:-1], ids[1:]
        keys = np.where((left >= 0) & (right >= 0), left * self._n_words + right, -1)
        slots = np.searchsorted(self._pair_keys, keys)
        pairs_at = np.flatnonzero(self._pair_keys[slots] == keys)
        kinds = self.weights.kinds[ids[at]]
        kinds_at = at[kinds >= 0]
        kind_features = self._n_words + len(self.weights.pairs) + kinds[kinds >= 0]
        features = np.concatenate([ids[at], self._pair_features[slots[pairs_at]], kind_features])
        lengths = np.repeat(np.array([1, 2, 1]), [len(at), len(pairs_at), len(kinds_at)])
        return features, np.concatenate([at, pairs_at, kinds_at]), lengths

    def _weigh(self, features: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
        weights = (1.0 + np.log(counts)) * self.weights.idf[features]
        norm = np.sqrt(weights @ weights)
        return weights / norm if norm else weights


def logistic(margins: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow at either end."""
    return np.exp(-np.logaddexp(0.0, -margins))
