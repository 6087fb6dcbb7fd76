"""Do these lines tell one story? Two linear scorers over cues that carry across sites.

*Strangers*: does this line belong to the story above it (a teaser does not)? *Openings*: does this line without a full stop
head another story, or stand inside one (a crosshead, a caption)? Their cues are how much of a line's vocabulary the story uses
(Hearst 1997, TextTiling), weighted by rarity, how near it lies to the story in a space of latent topics (Deerwester et al.
1990; for cutting, Choi et al. 2001), and its shape: "But he", a quotation and a dateline say where in a story they stand.

Words count by their first six letters, so that inflected forms meet. Vectors, rarities and weights are fitted on authored
pages by `training.cutting` and lie in a release.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log1p
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import kernels
from models.reading import BLOCK, N_SHAPES, STORY

Floats = NDArray[np.float64]

STRANGER_CUES = (
    "share_above", "share_head", "share_page", "mass_above", "mass_head", "mass_page", "mass_new", "rarest_above",
    "share_before", "share_after", "near_above", "near_head", "near_rest", "nearest_above", "near_before", "near_after",
    "mean_above", "above_before", "says_nothing", "continues", "definite", "opens_quote", "dateline", "depth",
)  # fmt: skip
OPENING_CUES = (
    "near_block_above", "near_around", "near_head_block", "near_head_above", "share_block_above", "share_head_block",
    "share_head_above",  # up to here by `Reading.opening_cues`
    "n_words", "is_short", "capitals", "question", "colon", "bullet", "follows_open", "precedes_open", "below_dateline",
    "below_continues", "below_quote", "below_words", "depth", "opens_quote", "strange", "strange_block",
)  # fmt: skip
MIN_HEADLINE_WORDS = 5  # below this, a line between paragraphs is more often a crosshead
MAX_ODDS = 8.0  # that a line is a stranger counts for no more where it is a cue

_OPENS = re.compile(
    r"""["“'‘]?(?:(he|she|it|they|his|her|its|their|this|that|these|those|but|and|however|also|such|others|another|both|"""
    r"""asked|earlier|there|so|or|if|we|our|you|i)|the|meanwhile|still|yet|some|according|later|while|since)\b"""
)
_OPENING = 16  # letters in which one of them, and the end of it, stands
_DATELINE = re.compile(
    r"[A-Z][A-Z .,'’-]{2,40}(?:,? [A-Z][a-z]+\.? \d{1,2})?[^.]{0,25}(?:—|–| -|--|\()"
    r"|[A-Z]\w++(?: \w++)?, [A-Z][a-z]+\.? \d{1,2} [(—–-]"
)
_QUOTES = frozenset("\"“”'‘«„")
_BULLETS = frozenset("-–—•·*#>")


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear scorer: one weight a cue, and a bias."""

    weights: Floats
    bias: float

    def log_odds(self, cues: Floats) -> Floats:
        """One value a row of cues."""
        return np.asarray(cues @ self.weights + self.bias)

    def log_odds_of(self, row: Sequence[float]) -> float:
        """The value of one row."""
        return float(sum(map(mul, row, self.weights.tolist()))) + self.bias

    def shifted(self, by: float) -> "Linear":
        """The scorer with its log-odds moved."""
        return Linear(self.weights, round(self.bias + float(by), 5))


@dataclass(frozen=True)
class Vocabulary:
    """What is known of stems: a row of `vectors` and `rarities` each; and those that say nothing.

    vectors: float32 (n_stems, n_latent); rarities: float32 (n_stems,).
    """

    stems: list[str]
    silent: list[str]
    vectors: NDArray[np.float32]
    rarities: NDArray[np.float32]

    @cached_property
    def reader(self) -> Any:
        """The same in the kernel that runs here."""
        return kernels.of("Vocabulary")([*self.stems, *self.silent], self.vectors, self.rarities)


class Reading:
    """Lines of a page, their words and their shapes."""

    def __init__(self, vocabulary: Vocabulary, texts: list[str]):
        self.texts = texts
        self.words = vocabulary.reader.read(texts)

    @cached_property
    def shapes(self) -> bytes:
        """Whether each line goes on from another, names something as known, opens with a quotation, has a dateline: bits."""
        return bytes(map(_shape, self.texts))

    def share(self, start: int, end: int, other_start: int, other_end: int) -> float:
        """The share of the words of some lines, weighted by rarity, that stand in others."""
        return float(self.words.share(start, end, other_start, other_end))


def stranger_cues(reading: Reading, start: int, end: int) -> Floats:
    """The cues of lines `start` to `end` of a story that begins at `start`: (lines, cues)."""
    cues = np.empty((end - start, len(STRANGER_CUES)))
    reading.words.stranger_cues(start, end, reading.shapes, cues)
    return cues


def stranger_odds(reading: Reading, start: int, end: int, strangers: Linear) -> Floats:
    """The log-odds of the same lines to be strangers: (lines)."""
    odds = np.empty(end - start)
    reading.words.stranger_odds(start, end, reading.shapes, strangers.weights, strangers.bias, odds)
    return odds


def opening_cues(
    reading: Reading, start: int, candidates: Sequence[int], is_open: Sequence[bool], strangers: Linear
) -> Iterator[list[float]]:
    """The cues of each candidate line, in order, to open another story than the one that begins at `start`.

    `is_open` says of every line of the reading whether it lacks a full stop, as headlines do.
    """
    n = len(reading.texts)
    first, last = max(start, candidates[0] - STORY), min(candidates[-1] + 1 + BLOCK, n)
    strange = [max(-MAX_ODDS, min(MAX_ODDS, odds)) for odds in stranger_odds(reading, first, last, strangers).tolist()]
    for index in candidates:
        text = reading.texts[index]
        words = text.split()
        has_next = index + 1 < n
        below = reading.shapes[index + 1] if has_next else 0
        block = strange[index + 1 - first : index + 1 + BLOCK - first]
        yield [
            *reading.words.opening_cues(start, index), log1p(len(words)), len(words) < MIN_HEADLINE_WORDS,
            sum([word[0].isupper() for word in words]) / len(words), text.endswith("?"), text.endswith(":"),
            text[0] in _BULLETS, index > 0 and is_open[index - 1], has_next and is_open[index + 1], below >= _DATELINED,
            below & _CONTINUES, (below & _QUOTED) > 0, log1p(reading.texts[index + 1].count(" ")) if has_next else 0.0,
            log1p(index - start), text[0] in _QUOTES, strange[index - first], sum(block) / len(block) if block else 0.0,
        ]  # fmt: skip


_CONTINUES, _KNOWN, _QUOTED, _DATELINED = (1 << bit for bit in range(N_SHAPES))


def _shape(text: str) -> int:
    """What a line looks like, as bits."""
    opens = _OPENS.match(text[:_OPENING].lower())
    shape = 0 if opens is None else _CONTINUES if opens[1] else _KNOWN
    return shape + _QUOTED * (text[:1] in _QUOTES) + _DATELINED * (_DATELINE.match(text) is not None)
