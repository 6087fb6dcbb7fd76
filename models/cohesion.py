"""Do these lines tell one story? Two linear scorers over cues that carry across sites.

*Strangers*: does this line belong to the story above it (a teaser does not)? *Openings*: does this line without a full stop
head another story, or stand inside one (a crosshead, a caption)? Their cues are how much of a line's vocabulary the story uses
(Hearst 1997, TextTiling), weighted by rarity, how near it lies to the story in a space of latent topics (Deerwester et al. 1990;
for cutting, Choi et al. 2001), and its shape: "But he", a quotation and a dateline say where in a story they stand.

Words count by their first six letters, so that inflected forms meet. Vectors, rarities and weights are fitted on authored
pages by `training.cutting` and lie in a release.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEM = 6  # letters of a word that count
N_HEAD = 4  # lines in which a story names its subject
NEAR = 2  # lines before and after
AROUND = 3  # lines on either side of a line that may open a story
BLOCK = 6  # lines under it in which its story shows
MAX_ODDS = 8.0  # that a line to be a stranger counts for where it is a cue
STORY = 100  # lines above it with which it is compared at most

STRANGER_CUES = (
    "share_above", "share_head", "share_page", "mass_above", "mass_head", "mass_page", "mass_new", "rarest_above",
    "share_before", "share_after", "near_above", "near_head", "near_rest", "nearest_above", "near_before", "near_after",
    "mean_above", "above_before", "says_nothing", "continues", "definite", "opens_quote", "dateline", "depth",
)  # fmt: skip
OPENING_CUES = (
    "near_block_above", "near_around", "near_head_block", "near_head_above", "share_block_above", "share_head_block",
    "share_head_above", "n_words", "is_short", "capitals", "question", "colon", "bullet", "follows_open", "precedes_open",
    "below_dateline", "below_continues", "below_quote", "below_words", "depth", "opens_quote", "strange", "strange_block",
)  # fmt: skip

_STEMS = re.compile(rf"(\w{{3,{STEM}}})\w*")
_CONTINUES = re.compile(
    r"""["“'‘]?(?:he|she|it|they|his|her|its|their|this|that|these|those|but|and|however|also|such|others|another|both|"""
    r"""asked|earlier|there|so|or|if|we|our|you|i)\b""",
    re.IGNORECASE,
)
_DEFINITE = re.compile(r"""["“'‘]?(?:the|meanwhile|still|yet|some|according|later|while|since)\b""", re.IGNORECASE)
_DATELINE = re.compile(
    r"[A-Z][A-Z .,'’-]{2,40}(?:,? [A-Z][a-z]+\.? \d{1,2})?[^.]{0,25}(?:—|–| -|--|\()"
    r"|[A-Z]\w+(?: \w+)?, [A-Z][a-z]+\.? \d{1,2} [(—–-]"
)
_QUOTES = frozenset("\"“”'‘«„")
_BULLETS = frozenset("-–—•·*#>")
MIN_HEADLINE_WORDS = 5  # below this, a line between paragraphs is more often a crosshead


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear scorer: one weight a cue, and a bias."""

    weights: Floats
    bias: float

    def log_odds(self, cues: Floats) -> Floats:
        """One value a row of cues."""
        return np.asarray(cues @ self.weights + self.bias)

    def shifted(self, by: float) -> "Linear":
        """The scorer with its log-odds moved."""
        return Linear(self.weights, round(self.bias + float(by), 5))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is known of words: `rows` gives a stem's row in `vectors` and `rarities`, or -1 for stems that say nothing.

    A stem that stands in none is rarer than all. vectors: (n_stems, n_latent) float32; rarities: (n_stems,) float32.
    """

    rows: dict[str, int]
    vectors: NDArray[np.float32]
    rarities: NDArray[np.float32]


def stems(text: str) -> list[str]:
    """The stems of a text, in order."""
    return _STEMS.findall(text.lower())


class Reading:
    """Lines of a page with the stems that stand in them, each once a line."""

    def __init__(self, vocabulary: Vocabulary, texts: Sequence[str]):
        known = vocabulary.rows
        n_known = len(vocabulary.rarities)
        new: dict[str, int] = {}
        found: list[int] = []
        counts: list[int] = []
        for text in texts:
            here = set(stems(text))
            row = [known[stem] if stem in known else new.setdefault(stem, n_known + len(new)) for stem in here]
            found += row
            counts.append(len(row))
        ids = np.array(found, np.int64)
        lines = np.repeat(np.arange(len(texts)), counts)
        says = ids >= 0
        self.texts = texts
        self.ids, self.lines = ids[says], lines[says]  # by line
        in_vocabulary = self.ids < n_known
        rows = np.where(in_vocabulary, self.ids, 0)
        rarest = float(vocabulary.rarities.max(initial=1.0))
        self.weights = np.where(in_vocabulary, vocabulary.rarities[rows], rarest).astype(np.float64)
        vectors = np.zeros((len(texts), vocabulary.vectors.shape[1]))
        if len(rows):
            told = vocabulary.vectors[rows]
            told[~in_vocabulary] = 0
            first = np.flatnonzero(np.diff(self.lines, prepend=-1))
            vectors[self.lines[first]] = np.add.reduceat(told, first)
        self.vectors = vectors
        self.sums = np.vstack([np.zeros(vectors.shape[1]), np.cumsum(vectors, axis=0)])
        self.bounds = np.searchsorted(self.lines, np.arange(len(texts) + 1))
        self.shapes = [_shape(text) for text in texts]

    def stems_of(self, start: int, end: int) -> slice:
        """Where the stems of lines `start` to `end` stand."""
        return slice(self.bounds[start], self.bounds[end])


def stranger_cues(reading: Reading, start: int, end: int, least_depth: int = 0) -> Floats:
    """The cues of lines `start` to `end` of a story that begins at `start`: (lines, cues)."""
    n = end - start
    held = (reading.lines >= start) & (reading.lines < end)
    order = np.argsort(reading.ids[held], kind="stable")
    ids, lines, weights = (array[held][order] for array in (reading.ids, reading.lines - start, reading.weights))
    new_id = np.diff(ids, prepend=-1) != 0
    firsts = np.flatnonzero(new_id)
    group = np.cumsum(new_id) - 1
    first_line = lines[firsts][group] if len(ids) else lines
    size = np.diff(np.append(firsts, len(ids)))[group] if len(ids) else lines
    before = np.where(new_id, -9, np.roll(lines, 1))
    after = np.where(np.roll(new_id, -1), 10**9, np.roll(lines, -1))
    above = first_line < lines

    def mass(chosen: NDArray[np.bool_]) -> Floats:
        return np.bincount(lines[chosen], weights[chosen], n)

    total = np.bincount(lines, weights, n) + 1e-9
    in_above = mass(above)
    in_head = mass(above & (first_line < N_HEAD))
    in_page = mass(size > 1)
    rarest = np.zeros(n)
    np.maximum.at(rarest, lines[above], weights[above])

    vectors = reading.vectors[start:end]
    units = _unit(vectors)
    sums = np.vstack([np.zeros(vectors.shape[1]), np.cumsum(vectors, axis=0)])
    at = np.arange(n)
    story = sums[at]
    head = sums[np.minimum(at, N_HEAD)]
    previous = sums[at] - sums[np.maximum(at - NEAR, 0)]
    following = sums[np.minimum(at + 1 + NEAR, n)] - sums[at + 1]
    alike = np.tril(units @ units.T, -1)
    story_unit, previous_unit = _unit(story), _unit(previous)
    columns = [
        in_above / total, in_head / total, in_page / total, np.log1p(in_above), np.log1p(in_head), np.log1p(in_page),
        np.log1p(total - in_above), rarest / 10, mass(lines - before <= NEAR) / total, mass(after - lines <= NEAR) / total,
        _dot(units, story_unit), _dot(units, _unit(head)), _dot(units, _unit(sums[n] - vectors)), alike.max(axis=1, initial=0.0),
        _dot(units, previous_unit), _dot(units, _unit(following)), alike.sum(axis=1) / np.maximum(at, 1),
        _dot(story_unit, previous_unit), in_head == 0,
        *np.array(reading.shapes[start:end], np.float64).reshape(n, 4).T,
        np.log1p(np.maximum(at, least_depth)),
    ]  # fmt: skip
    return np.column_stack(columns)


def opening_cues(
    reading: Reading, start: int, candidates: Sequence[int], is_open: Sequence[bool], strangers: Linear
) -> Floats:
    """The cues of candidate lines to open another story than the one that begins at `start`: (candidates, cues).

    `is_open` says of every line of the reading whether it lacks a full stop, as headlines do.
    """
    first = max(start, candidates[0] - STORY)
    last = min(candidates[-1] + 1 + BLOCK, len(reading.texts))
    strange = np.clip(strangers.log_odds(stranger_cues(reading, first, last)), -MAX_ODDS, MAX_ODDS)
    n, sums = len(reading.texts), reading.sums
    rows = []
    for index in candidates:
        top = max(start, index - STORY)
        end = min(index + 1 + BLOCK, n)
        block, story = sums[end] - sums[index + 1], sums[index] - sums[top]
        below = sums[min(index + 1 + AROUND, n)] - sums[index + 1]
        above = sums[index] - sums[max(start, index - AROUND)]
        head = reading.vectors[index]
        text = reading.texts[index]
        words = text.split()
        has_next = index + 1 < n
        continues, _, is_quote, has_dateline = reading.shapes[index + 1] if has_next else (False,) * 4
        rows.append(
            [
                _cosine(block, story), _cosine(below, above), _cosine(head, block), _cosine(head, story),
                share(reading, (index + 1, end), (top, index)), share(reading, (index, index + 1), (index + 1, end)),
                share(reading, (index, index + 1), (top, index)), np.log1p(len(words)), len(words) < MIN_HEADLINE_WORDS,
                sum(word[0].isupper() for word in words) / len(words), text.endswith("?"), text.endswith(":"),
                text[0] in _BULLETS, index > 0 and is_open[index - 1], has_next and is_open[index + 1], has_dateline, continues,
                is_quote, np.log1p(reading.texts[index + 1].count(" ")) if has_next else 0.0, np.log1p(index - start),
                text[0] in _QUOTES, strange[index - first], strange[index + 1 - first : end - first].mean() if has_next else 0.0,
            ]
        )  # fmt: skip
    return np.array(rows, np.float64).reshape(len(candidates), len(OPENING_CUES))


def share(reading: Reading, part: tuple[int, int], whole: tuple[int, int]) -> float:
    """The share of some lines' vocabulary, weighted by rarity, that stands in others: ranges of lines."""
    of_part, of_whole = reading.stems_of(*part), reading.stems_of(*whole)
    weights = reading.weights[of_part]
    total = float(weights.sum())
    return float(weights[np.isin(reading.ids[of_part], reading.ids[of_whole])].sum()) / total if total else 0.0


def _shape(text: str) -> tuple[bool, bool, bool, bool]:
    """Whether a line goes on from another, names something as known, opens with a quotation, has a dateline."""
    return bool(_CONTINUES.match(text)), bool(_DEFINITE.match(text)), text[:1] in _QUOTES, bool(_DATELINE.match(text))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / (np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)) + 1e-9))


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * b).sum(axis=1))


def _cosine(a: Floats, b: Floats) -> float:
    return float(a @ b / (np.sqrt((a @ a) * (b @ b)) + 1e-9))
