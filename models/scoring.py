"""Features to margins to scores, in numpy: the definition of the model.

A text's features are its tokens, the pairs of neighbouring tokens and the kinds of tokens (a name of an African state, say)
that stand in the vocabulary. Feature i, found c times,
weighs `(1 + ln c) · idf[i]`; the weights of a text are divided by their Euclidean norm (Salton & Buckley 1988); the margin of
topic t is `weights · W[:, t] + bias[t]`, and the score its logistic function. W already carries the calibration (Platt 1999),
which is affine, so that the margin is the logit of the calibrated probability.

`models/kernel/scorer.c` gives the same numbers sooner and is used where it could be compiled; tests hold the two together.
"""

import numpy as np
from numpy.typing import NDArray

from models.text import language_sample, token_spans, tokens

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class Scorer:
    """Scores texts. Holds no state of a text; may be shared by threads. The arguments are the fields of `Weights`."""

    def __init__(  # noqa: PLR0917 - the order is the kernel's
        self, words: list[str], pairs: Ints, kinds: Ints, idf: Floats, coef: Floats, bias: Floats, function_words: list[str]
    ):
        # frequent words first: what most texts look up lies together in memory
        self._ids = {words[index]: index for index in np.argsort(idf[: len(words)], kind="stable").tolist()}
        self._n_words, self._n_pairs = len(words), len(pairs)
        self._kinds, self._idf, self._coef, self._bias = kinds, idf, coef, bias
        self._function_words = frozenset(function_words)
        keys = pairs[:, 0].astype(np.int64) * self._n_words + pairs[:, 1]
        order = np.argsort(keys, kind="stable")
        # a sentinel past every key keeps `searchsorted` inside the array
        self._pair_keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._pair_features = np.append(order + self._n_words, 0)

    def score(self, text: str) -> tuple[list[float], list[float], int, int, int, int]:
        """Margins and scores; numbers of tokens, of known ones, of those looked at for the language, of English ones."""
        found = tokens(text)
        ids = self._token_ids(found)
        features, counts = np.unique(self._features(ids)[0], return_counts=True)
        margins = self._weigh(features, counts) @ self._coef[features] + self._bias
        seen = language_sample(found)
        n_english = sum(map(self._function_words.__contains__, seen))
        return margins.tolist(), logistic(margins).tolist(), len(found), int((ids >= 0).sum()), len(seen), n_english

    def score_many(self, texts: list[str], scores: Floats) -> None:
        """Write the scores of texts into (texts, topics)."""
        for row, text in zip(scores, texts, strict=True):
            row[:] = self.score(text)[1]

    def contributions(self, text: str, topic: int) -> list[tuple[int, int, float]]:
        """Start, end and share of the margin of each occurrence of each feature, in text order; see `models.scorer`."""
        spans = token_spans(text)
        occurrences, places, lengths = self._features(self._token_ids([token for token, _, _ in spans]))
        features, inverse, counts = np.unique(occurrences, return_inverse=True, return_counts=True)
        share = self._weigh(features, counts) * self._coef[features, topic] / counts
        return sorted(
            (spans[place][1], spans[place + length - 1][2], float(share[feature]))
            for feature, place, length in zip(inverse, places, lengths, strict=True)
        )

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
        kinds = self._kinds[ids[at]]
        kinds_at = at[kinds >= 0]
        kind_features = self._n_words + self._n_pairs + kinds[kinds >= 0]
        features = np.concatenate([ids[at], self._pair_features[slots[pairs_at]], kind_features])
        lengths = np.repeat(np.array([1, 2, 1]), [len(at), len(pairs_at), len(kinds_at)])
        return features, np.concatenate([at, pairs_at, kinds_at]), lengths

    def _weigh(self, features: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
        weights = (1.0 + np.log(counts)) * self._idf[features]
        norm = np.sqrt(weights @ weights)
        return weights / norm if norm else weights


def logistic(margins: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow at either end."""
    return np.exp(-np.logaddexp(0.0, -margins))
