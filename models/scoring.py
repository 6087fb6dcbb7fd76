"""Features to margins to scores, in numpy: the definition of the model.

A text's features are its tokens, the pairs of neighbouring tokens and the kinds of tokens (a name of an African state, say)
that stand in the vocabulary. Feature i, found c times,
weighs `(1 + ln c) · idf[i]`; the weights of a text are divided by their Euclidean norm (Salton & Buckley 1988); the margin of
topic t is `weights · W[:, t] + bias[t]`, and the score its logistic function. W already carries the calibration (Platt 1999),
which is affine, so that the margin is the logit of the calibrated probability.

`models/kernel/scorer.c` gives the same numbers sooner and is used where it could be compiled; tests hold the two together.
"""

from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from models.text import language_sample, token_spans, tokens

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Ids = NDArray[np.int64]

AT_ONCE = 100_000  # letters of texts that are scored together


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
        margins = self._margins(ids, np.zeros(len(ids), np.int64), 1)[0]
        seen = language_sample(found)
        n_english = sum(map(self._function_words.__contains__, seen))
        return margins.tolist(), logistic(margins).tolist(), len(found), int((ids >= 0).sum()), len(seen), n_english

    def score_many(self, texts: list[str], scores: Floats) -> None:
        """Write the scores of texts into (texts, topics)."""
        start = n_letters = 0
        for end, text in enumerate(texts, 1):
            n_letters += len(text)
            if n_letters >= AT_ONCE or end == len(texts):
                found = [tokens(each) for each in texts[start:end]]
                of_text = np.repeat(np.arange(len(found)), [len(each) for each in found])
                ids = self._token_ids([token for each in found for token in each])
                scores[start:end] = logistic(self._margins(ids, of_text, len(found)))
                start, n_letters = end, 0

    def contributions(self, text: str, topic: int) -> list[tuple[int, int, float]]:
        """Start, end and share of the margin of each occurrence of each feature, in text order; see `models.scorer`."""
        spans = token_spans(text)
        ids = self._token_ids([token for token, _, _ in spans])
        occurrences, places, lengths = self._features(ids, np.zeros(len(ids), np.int64))
        features, inverse, counts = np.unique(occurrences, return_inverse=True, return_counts=True)
        weights = self._weights(features, counts, np.zeros(len(features), np.int64))
        share = weights * self._coef[features, topic] / counts
        return sorted(
            (spans[place][1], spans[place + length - 1][2], float(share[feature]))
            for feature, place, length in zip(inverse, places, lengths, strict=True)
        )

    def _margins(self, ids: Ids, of_text: Ids, n_texts: int) -> Floats:
        """(n_texts, n_topics) of the tokens of some texts, each with the number of its text."""
        occurrences, places, _ = self._features(ids, of_text)
        keys, counts = np.unique(of_text[places] * len(self._idf) + occurrences, return_counts=True)
        text, features = np.divmod(keys, len(self._idf))
        parts = self._weights(features, counts, text)[:, None] * self._coef[features]
        margins = np.empty((n_texts, len(self._bias)))
        for topic, part in enumerate(parts.T):
            margins[:, topic] = np.bincount(text, part, n_texts)
        return margins + self._bias

    def _token_ids(self, found: list[str]) -> Ids:
        return np.fromiter(map(self._ids.get, found, repeat(-1)), np.int64, len(found))

    def _features(self, ids: Ids, of_text: Ids) -> tuple[Ids, Ids, Ids]:
        """Feature, index of its first token, and its length in tokens, for every occurrence in some texts."""
        known = np.flatnonzero(ids >= 0)
        left = known[:-1][(np.diff(known) == 1) & (np.diff(of_text[known]) == 0)]
        keys = ids[left] * self._n_words + ids[left + 1]
        slots = np.searchsorted(self._pair_keys, keys)
        is_pair = self._pair_keys[slots] == keys
        kinds = self._kinds[ids[known]]
        has_kind = kinds >= 0
        kind_features = self._n_words + self._n_pairs + kinds[has_kind]
        features = np.concatenate([ids[known], self._pair_features[slots[is_pair]], kind_features])
        lengths = np.repeat(np.array([1, 2, 1]), [len(known), is_pair.sum(), len(kind_features)])
        return features, np.concatenate([known, left[is_pair], known[has_kind]]), lengths

    def _weights(self, features: Ids, counts: Ids, of_text: Ids) -> Floats:
        """Of distinct features of some texts, each with its count in its text: divided by the norm of its text."""
        weights = (1.0 + np.log(counts)) * self._idf[features]
        norms = np.sqrt(np.bincount(of_text, weights * weights))[of_text]
        return np.divide(weights, norms, out=weights, where=norms > 0)


def logistic(margins: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow at either end."""
    return np.exp(-np.logaddexp(0.0, -margins))
