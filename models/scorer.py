"""The scorer of a model: what it knows, and what it makes of a text. `models.scoring` defines the numbers."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import kernels, scoring
from models.text import ENGLISH_WORDS

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


class Scored(NamedTuple):
    """One text's margins and scores, one a topic. `n_known` of its `n_tokens` tokens stand in the vocabulary.

    `n_english` of `n_seen` tokens all over the text are function words of English. A tuple, since one is made for every text.
    """

    margins: list[float]
    scores: list[float]
    n_tokens: int
    n_known: int
    n_seen: int
    n_english: int


@dataclass(frozen=True, slots=True)
class Contribution:
    """One occurrence of a feature: its code-point range and what it adds to a topic's margin."""

    start: int
    end: int
    contribution: float


class Scorer:
    """Scores texts. Holds no state of a text; may be shared by threads."""

    def __init__(self, weights: Weights):
        self.weights = weights
        self.known_words = frozenset(weights.words)
        # frequent words first: what most texts need lies together in memory
        n_words = len(weights.words)
        order = np.argsort(weights.idf[:n_words], kind="stable")
        place = np.empty(n_words, np.int32)
        place[order] = np.arange(n_words, dtype=np.int32)
        every = np.concatenate([order, np.arange(n_words, len(weights.idf))])
        self._kernel = kernels.of("Scorer")(
            [weights.words[index] for index in order],
            np.ascontiguousarray(place[weights.pairs], np.int32),
            np.ascontiguousarray(weights.kinds[order], np.int32),
            np.ascontiguousarray(weights.idf[every], np.float64),
            np.ascontiguousarray(weights.coef[every], np.float64),
            np.ascontiguousarray(weights.bias, np.float64),
            sorted(ENGLISH_WORDS),
        )
        self._explaining: scoring.Scorer | None = None

    def score(self, text: str) -> Scored:
        """Margins and scores of one text."""
        return Scored._make(self._kernel.score(text))

    def score_many(self, texts: list[str]) -> Floats:
        """The scores of texts: (texts, topics)."""
        scores = np.empty((len(texts), len(self.weights.bias)))
        self._kernel.score_many(texts, scores)
        return scores

    def contributions(self, text: str, topic: int) -> list[Contribution]:
        """What each occurrence of each feature adds to the margin of a topic, in text order.

        The contributions and the topic's bias sum to its margin. A feature found c times spreads its part evenly over
        its c occurrences.
        """
        if self._explaining is None:
            known = self.weights
            self._explaining = scoring.Scorer(
                known.words, known.pairs, known.kinds, known.idf, known.coef, known.bias, sorted(ENGLISH_WORDS)
            )
        return [Contribution(*part) for part in self._explaining.contributions(text, topic)]
