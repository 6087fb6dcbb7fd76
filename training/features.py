"""From texts to a TF-IDF vocabulary whose document frequencies know the wire, not only our corpus.

A few thousand authored segments say little about how rare a word is in news. The word frequencies of the wordfreq package
(Speer 2022) stand in for a background of news texts: a word of relative frequency f stands in a text of L words with
probability 1 - (1 - f)^L. Background words that the corpus lacks are features too; their weight is zero or learnt from single
segments, but they count in a text's norm, so that a report full of words we never saw is not taken for one full of ours.

Words of a kind (`kinds.toml`) are read as themselves and as their kind, so that what is learnt of one holds for all.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.text import NEUTRAL_WORDS, tokens
from training.recipe import FeaturesRecipe

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer  # imported late: the workers of a streamed fit do without

KINDS_PATH = Path(__file__).with_name("kinds.toml")
_HAS_DIGIT = re.compile(r"\d")  # dates and counts belong to a story, not to a topic: no number is a feature
# A pair's share of background texts, as a multiple of its share here: most of our texts are about the topics.
PAIR_BACKGROUND = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The features of a model: words, pairs as indices into words, the kind of every word (or -1), and the idf of all.

    `kind_names` names the kinds, in the order of their numbers.
    """

    words: list[str]
    pairs: NDArray[np.int32]
    kinds: NDArray[np.int32]
    kind_names: list[str]
    idf: NDArray[np.float64]

    def vectorizer(self) -> "TfidfVectorizer":
        """A fitted scikit-learn vectorizer with these features, in this order."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        pairs = (f"{self.words[a]} {self.words[b]}" for a, b in self.pairs.tolist())
        names = [*self.words, *pairs, *self.kind_names]
        kind_of = {self.words[i]: self.kind_names[self.kinds[i]] for i in np.flatnonzero(self.kinds >= 0)}
        vectorizer = TfidfVectorizer(
            analyzer=partial(analyse, kind_of), sublinear_tf=True, vocabulary=dict(zip(names, range(len(names)), strict=True))
        )
        vectorizer.fit(["idf follows"])  # builds the transformer whose idf is set next
        vectorizer.idf_ = self.idf
        return vectorizer


def analyse(kind_of: Mapping[str, str], text: str) -> list[str]:
    """The names of a text's features: its tokens, pairs of neighbouring tokens, and the kinds of tokens."""
    found = tokens(text)
    pairs = [f"{a} {b}" for a, b in pairwise(found)]
    return [*found, *pairs, *(kind_of[token] for token in found if token in kind_of)]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The single features of a model: its words, the kind of every word (or -1), the names of the kinds.

    `background` are the relative frequencies of words in news, nothing where the recipe wants none.
    """

    words: list[str]
    kinds: NDArray[np.int32]
    kind_names: list[str]
    background: dict[str, float]


def build_vocabulary(texts: list[str], recipe: FeaturesRecipe) -> Vocabulary:
    """The vocabulary of texts, background and kinds; idf values fit float32."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(analyzer=partial(analyse, load_kinds() if recipe.kinds else {}))
    n_texts = np.asarray((counter.fit_transform(texts) > 0).sum(axis=0)).ravel()
    seen = {name: int(n) for name, n in zip(counter.get_feature_names_out(), n_texts, strict=True)}
    lexicon = choose_words(seen, recipe)
    index = {word: i for i, word in enumerate(lexicon.words)}
    kept = (name.split() for name, n in seen.items() if " " in name and n >= recipe.min_segments)
    pairs = sorted((index[a], index[b]) for a, b in kept if may_count(a) and may_count(b))
    pair_seen = np.array([seen[f"{lexicon.words[a]} {lexicon.words[b]}"] for a, b in pairs], np.int64)
    return weigh(lexicon, seen, np.array(pairs, np.int32).reshape(-1, 2), pair_seen, n_texts=len(texts), recipe=recipe)


def choose_words(seen: Mapping[str, int], recipe: FeaturesRecipe) -> Lexicon:
    """The words and kinds that are features, by the number of texts that hold each; names of pairs are passed over."""
    kind_of = load_kinds() if recipe.kinds else {}
    background = background_frequencies(recipe.background)
    kept = {name for name, n in seen.items() if n >= recipe.min_segments and " " not in name and may_count(name)}
    kind_names = sorted(set(kind_of.values()) & kept)
    kind_of = {word: kind for word, kind in kind_of.items() if kind in kind_names}
    words = sorted((kept - set(kind_names)) | set(background) | set(kind_of))
    kinds = np.array([kind_names.index(kind_of[word]) if word in kind_of else -1 for word in words], np.int32)
    return Lexicon(words, kinds, kind_names, background)


def weigh(
    lexicon: Lexicon,
    seen: Mapping[str, int],
    pairs: NDArray[np.int32],
    pair_seen: NDArray[np.int64],
    *,
    n_texts: int,
    recipe: FeaturesRecipe,
) -> Vocabulary:
    """The vocabulary with its idf values, from the number of texts that hold each word, kind and pair."""
    words, kinds, background = lexicon.words, lexicon.kinds, lexicon.background
    n_background = recipe.background_segments if background else 0
    frequencies = [background.get(word, 0.0) for word in words]
    kind_frequencies = np.bincount(kinds[kinds >= 0], np.array(frequencies)[kinds >= 0], len(lexicon.kind_names))
    singles = [*(seen.get(word, 0) for word in words), *(seen[name] for name in lexicon.kind_names)]
    shares = 1 - (1 - np.array([*frequencies, *kind_frequencies])) ** recipe.background_words
    single_idf = _idf(np.array(singles) + n_background * shares, n_texts + n_background)
    pair_idf = recipe.pair_weight * _idf(
        pair_seen.astype(np.float64) * (PAIR_BACKGROUND if background else 1), n_texts + n_background
    )
    idf = np.concatenate([single_idf[: len(words)], pair_idf, single_idf[len(words) :]])
    return Vocabulary(words, pairs, kinds, lexicon.kind_names, idf.astype(np.float32).astype(np.float64))


def load_kinds(path: Path = KINDS_PATH) -> dict[str, str]:
    """The kind of every word that has one, as `<id>`, which no token can be. Raises `InputError` naming the file."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["kind"]
        return {word: f"<{row['id']}>" for row in rows for word in row["words"].split()}
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a usable file of kinds ({type(error).__name__}: {error})") from None


def background_frequencies(name: str) -> dict[str, float]:
    """Relative frequency of the words of a wordfreq list that are tokens of ours; nothing for ""."""
    if not name:
        return {}
    from wordfreq import get_frequency_dict

    frequencies = get_frequency_dict("en", wordlist=name).items()
    return {word: float(f) for word, f in frequencies if tokens(word) == [word] and may_count(word)}


def may_count(word: str) -> bool:
    """Whether a word may be a feature, or part of one."""
    return word not in NEUTRAL_WORDS and not _HAS_DIGIT.search(word)


def _idf(n_texts: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """Smoothed inverse document frequency, as scikit-learn has it."""
    return np.asarray(np.log((1 + total) / (1 + n_texts)) + 1)
