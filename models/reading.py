"""Lines of a page as stems and vectors, and the numbers that compare them: the definition, in numpy.

`models/kernel/reading.c` gives the same numbers sooner and is used where it could be compiled; tests hold the two together.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEM = 6  # letters of a word that count
N_HEAD = 4  # lines in which a story names its subject
NEAR = 2  # lines before and after
AROUND = 3  # lines on either side of a line that may open a story
BLOCK = 6  # lines under it in which its story shows
STORY = 100  # lines above it with which it is compared at most
N_SHAPES = 4  # bits that say of a line what it looks like
TINY = 1e-9

_STEMS = re.compile(rf"(\w{{3,{STEM}}})\w*")


def stems(text: str) -> list[str]:
    """The stems of a text, in order: the first letters of its words in lower case."""
    return _STEMS.findall(text.lower())


class Vocabulary:
    """What is known of stems. The first of them have a row in `vectors` and `rarities`, the others say nothing.

    A stem that the vocabulary lacks is as rare as its rarest. vectors: float32 (n_rows, n_latent); rarities: float32 (n_rows,).
    """

    def __init__(self, stems: list[str], vectors: NDArray[np.float32], rarities: NDArray[np.float32]):
        self.rows = {stem: row if row < len(rarities) else -1 for row, stem in enumerate(stems)}
        self.vectors = vectors
        self.rarities = rarities.astype(np.float64)
        self.rarest = float(self.rarities.max(initial=1.0))

    def read(self, texts: list[str]) -> "Reading":
        """The stems of lines."""
        return Reading(self, texts)


class Reading:
    """Lines of a page with the stems that stand in them, each once a line."""

    def __init__(self, vocabulary: Vocabulary, texts: Sequence[str]):
        known, n_known = vocabulary.rows, len(vocabulary.rarities)
        new: dict[str, int] = {}
        found: list[int] = []
        counts: list[int] = []
        for text in texts:
            row = [known[stem] if stem in known else new.setdefault(stem, n_known + len(new)) for stem in set(stems(text))]
            found += row
            counts.append(len(row))
        ids = np.array(found, np.int64)
        lines = np.repeat(np.arange(len(texts)), counts)
        self.ids, self.lines = ids[ids >= 0], lines[ids >= 0]
        in_vocabulary = self.ids < n_known
        rows = np.where(in_vocabulary, self.ids, 0)
        rarities = vocabulary.rarities[rows] if n_known else np.zeros(len(rows))
        self.weights = np.where(in_vocabulary, rarities, vocabulary.rarest)
        self.vectors = np.zeros((len(texts), vocabulary.vectors.shape[1]))
        np.add.at(self.vectors, self.lines[in_vocabulary], vocabulary.vectors[self.ids[in_vocabulary]])
        self.units = _unit(self.vectors)
        self.sums = np.vstack([np.zeros(self.vectors.shape[1]), np.cumsum(self.vectors, axis=0)])
        self.bounds = np.searchsorted(self.lines, np.arange(len(texts) + 1))

    def stranger_odds(  # noqa: PLR0917 - as the kernel takes them
        self, start: int, end: int, shapes: bytes, weights: Floats, bias: float, out: Floats
    ) -> None:
        """Write what a linear scorer makes of the cues of lines `start` to `end` into `out`: (lines)."""
        cues = np.empty((end - start, len(weights)))
        self.stranger_cues(start, end, shapes, cues)
        out[:] = cues @ weights + bias

    def stranger_cues(self, start: int, end: int, shapes: bytes, out: Floats) -> None:
        """Write the cues of the lines of a story, `start` to `end`, into `out`: (lines, cues).

        `shapes` has a byte for every line, a bit for each of the last cues but one; that is how deep in the story a line is.
        """
        n = end - start
        held = slice(self.bounds[start], self.bounds[end])
        order = np.argsort(self.ids[held], kind="stable")
        ids, lines, weights = self.ids[held][order], self.lines[held][order] - start, self.weights[held][order]
        new_id = np.diff(ids, prepend=-1) != 0
        firsts = np.flatnonzero(new_id)
        group = np.cumsum(new_id) - 1
        first_line = lines[firsts][group]
        size = np.diff(np.append(firsts, len(ids)))[group]
        is_before = ~new_id & (lines - np.roll(lines, 1) <= NEAR)
        is_after = ~np.roll(new_id, -1) & (np.roll(lines, -1) - lines <= NEAR)
        is_above = first_line < lines

        def mass(chosen: NDArray[np.bool_]) -> Floats:
            return np.bincount(lines[chosen], weights[chosen], n).astype(np.float64)

        total = np.bincount(lines, weights, n) + TINY
        above, head, page = mass(is_above), mass(is_above & (first_line < N_HEAD)), mass(size > 1)
        rarest = np.zeros(n)
        np.maximum.at(rarest, lines[is_above], weights[is_above])

        vectors, units = self.vectors[start:end], self.units[start:end]
        sums = self.sums[start : end + 1]
        at = np.arange(n)
        story = _unit(sums[at] - sums[0])
        previous = _unit(sums[at] - sums[np.maximum(at - NEAR, 0)])
        following = _unit(sums[np.minimum(at + 1 + NEAR, n)] - sums[at + 1])
        alike = np.tril(units @ units.T, -1)
        columns = [
            above / total, head / total, page / total, np.log1p(above), np.log1p(head), np.log1p(page), np.log1p(total - above),
            rarest / 10, mass(is_before) / total, mass(is_after) / total, _dot(units, story),
            _dot(units, _unit(sums[np.minimum(at, N_HEAD)] - sums[0])), _dot(units, _unit(sums[n] - sums[0] - vectors)),
            alike.max(axis=1, initial=0.0), _dot(units, previous), _dot(units, following),
            alike.sum(axis=1) / np.maximum(at, 1), _dot(story, previous), head == 0,
            *(np.frombuffer(shapes, np.uint8, n, start) >> bit & 1 for bit in range(N_SHAPES)), np.log1p(at),
        ]  # fmt: skip
        for column, values in enumerate(columns):
            out[:, column] = values

    def opening_cues(self, start: int, index: int) -> tuple[float, ...]:
        """The word and latent cues of line `index` to open another story than that of `start`, in order."""
        n, sums, head = len(self.vectors), self.sums, self.vectors[index]
        top, end = max(start, index - STORY), min(index + 1 + BLOCK, n)
        block, story = sums[end] - sums[index + 1], sums[index] - sums[top]
        below = sums[min(index + 1 + AROUND, n)] - sums[index + 1]
        above = sums[index] - sums[max(start, index - AROUND)]
        return (
            _cosine(block, story), _cosine(below, above), _cosine(head, block), _cosine(head, story),
            self.share(index + 1, end, top, index), self.share(index, index + 1, index + 1, end),
            self.share(index, index + 1, top, index),
        )  # fmt: skip

    def share(self, start: int, end: int, other_start: int, other_end: int) -> float:
        """The share of some lines' stems, weighted by rarity, that stand in others."""
        part = slice(self.bounds[start], self.bounds[end])
        whole = slice(self.bounds[other_start], self.bounds[other_end])
        weights = self.weights[part]
        total = float(weights.sum())
        return float(weights[np.isin(self.ids[part], self.ids[whole])].sum()) / total if total else 0.0


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / (np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)) + TINY))


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * b).sum(axis=1))


def _cosine(a: Floats, b: Floats) -> float:
    return float(_unit(a) @ _unit(b))
