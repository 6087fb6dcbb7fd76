"""From texts to a TF-IDF vocabulary whose document frequencies know the wire, not only our corpus.

A few thousand authored segments say little about how rare a word is in news. The word frequencies of the wordfreq package
(Speer 2022) stand in for a background of news texts: a word of relative frequency f stands in a text of L words with
probability 1 - (1 - f)^L. Background words that the corpus lacks are features too; their weight is zero or learnt from single
segments, but they count in a text's norm, so that a report full of words we never saw is not taken for one full of ours.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from models.text import ENGLISH_WORDS, TOKEN_PATTERN, tokens
from training.recipe import FeaturesRecipe

_HAS_DIGIT = re.compile(r"\d")  # dates and counts belong to a story, not to a topic: no number is a feature
# Nor is a word that every report needs: function words, times, and the verbs of reporting. Their shares tell one writer from
# another, and we are judged on text that others wrote.
NEUTRAL_WORDS = ENGLISH_WORDS | frozenset(
    """
    so if no up out do did does how what why where we our you your my me him them these those then now than just only even
    other some such any all most many much very own same each every both few because while during before under again
    further here should might must shall having being
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december year years month months week weeks day days last next first one two three four five
    said says say saying told tells tell according added adding mr mrs ms
    """.split()
)
# A pair's share of background texts, as a multiple of its share here: most of our texts are about the topics.
PAIR_BACKGROUND = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The features of a model: words, then pairs as indices into words, and the idf of both."""

    words: list[str]
    pairs: NDArray[np.int32]
    idf: NDArray[np.float64]

    def vectorizer(self) -> TfidfVectorizer:
        """A fitted scikit-learn vectorizer with these features, in this order."""
        names = [*self.words, *(f"{self.words[a]} {self.words[b]}" for a, b in self.pairs.tolist())]
        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2),
            sublinear_tf=True,
            token_pattern=TOKEN_PATTERN,
            vocabulary=dict(zip(names, range(len(names)), strict=True)),
        )
        vectorizer.fit(["idf follows"])  # builds the transformer whose idf is set next
        vectorizer.idf_ = self.idf
        return vectorizer


def build_vocabulary(texts: list[str], recipe: FeaturesRecipe) -> Vocabulary:
    """The vocabulary of texts and background; idf values fit float32."""
    counter = CountVectorizer(ngram_range=(1, 2), token_pattern=TOKEN_PATTERN)
    counts = counter.fit_transform(texts)
    n_texts = np.asarray((counts > 0).sum(axis=0)).ravel()
    seen = {name: int(n) for name, n in zip(counter.get_feature_names_out(), n_texts, strict=True)}
    background = background_frequencies(recipe.background)
    kept = {name for name, n in seen.items() if n >= recipe.min_segments and all(map(_may_count, name.split()))}
    words = sorted({name for name in kept if " " not in name} | set(background))
    index = {word: i for i, word in enumerate(words)}
    pairs = sorted((index[a], index[b]) for a, _, b in (name.partition(" ") for name in kept if " " in name))
    n_background = recipe.background_segments if background else 0
    total = 1 + len(texts) + n_background
    word_texts = [
        seen.get(word, 0) + n_background * (1 - (1 - background.get(word, 0.0)) ** recipe.background_words) for word in words
    ]
    pair_texts = [(PAIR_BACKGROUND if background else 1) * seen[f"{words[a]} {words[b]}"] for a, b in pairs]
    idf = np.concatenate(
        [
            np.log(total / (1 + np.array(word_texts, dtype=np.float64))) + 1,
            recipe.pair_weight * (np.log(total / (1 + np.array(pair_texts, dtype=np.float64))) + 1),
        ]
    )
    return Vocabulary(words, np.array(pairs, np.int32).reshape(-1, 2), idf.astype(np.float32).astype(np.float64))


def background_frequencies(name: str) -> dict[str, float]:
    """Relative frequency of the words of a wordfreq list that are tokens of ours; nothing for ""."""
    if not name:
        return {}
    from wordfreq import get_frequency_dict

    frequencies = get_frequency_dict("en", wordlist=name).items()
    return {word: float(f) for word, f in frequencies if tokens(word) == [word] and _may_count(word)}


def _may_count(word: str) -> bool:
    """Whether a word may be a feature, or part of one."""
    return word not in NEUTRAL_WORDS and not _HAS_DIGIT.search(word)
