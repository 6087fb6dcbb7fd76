"""Labelled segments read once and in bounded memory: what a streamed fit needs of them lies on disk, in shards of tokens.

A shard numbers its own words. Which words are features, and under which number, is known only when all shards are read
(`training.frequencies`). In memory stay 17 bytes a segment and one for every topic, and the segments that are held out.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from tqdm import tqdm

from models.errors import CorpusError
from training.corpus import Balance, Segment, Summary, no_segments, rows, segment_of
from training.encoding import HASHES, Contract, Encoded, distinct, encode, name_hash
from training.features import load_kinds
from training.recipe import Recipe
from training.spool import Slot, Spool

SHARD_SEGMENTS = 10_000
SHARD_CHARACTERS = 8_000_000
MAX_HELD_OUT = 30_000  # a sigmoid has two numbers to learn: more segments change no decision
MAX_PROBLEMS = 1_000  # bad lines that are named

Bools = NDArray[np.bool_]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Shard:
    """Some segments in a row. On the spool: token numbers, and of each segment the number of its tokens and of those of its
    beginning (0: it has none); the shard's words in the order of their numbers, in parts, and how many segments hold each.
    """

    n_segments: int
    tokens: Slot
    lengths: Slot
    beginnings: Slot
    words: tuple[Slot, ...]
    n_holding: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Shards:
    """A corpus in shards. `groups` (segments,) are hashes of the group, `truth` (segments, topics) the labels.

    `held_out` are the segments that may be calibrated on, with their fold; `kinds` tells how many segments hold each kind.
    """

    parts: tuple[Shard, ...]
    groups: Hashes
    truth: Bools
    held_out: tuple[tuple[int, Segment], ...]
    kinds: dict[str, int]
    summary: Summary

    def folds(self, n_folds: int) -> NDArray[np.int8]:
        """The fold of every segment, or -1 where it is in none and always learnt from."""
        return _folds(self.groups, len(self.groups), n_folds)


def read_shards(paths: Sequence[Path], topics: Sequence[str], recipe: Recipe, spool: Spool) -> Shards:
    """The segments of files and folders, in order of name.

    Raises `CorpusError`; its `problems` name the first thousand bad lines as `file:line: fault`.
    """
    contract = Contract(tuple(topics), load_kinds() if recipe.features.kinds else {}, recipe.model)
    read = _Reading(spool, recipe.decisions.folds)
    batches = _batches(paths)
    with tqdm(desc="reading", unit=" segments", unit_scale=True, disable=None) as progress:
        while wave := list(islice(batches, effective_n_jobs(-1))):
            share = held_out_share(read.n_segments, recipe.decisions.folds)
            run = Parallel(n_jobs=len(wave))
            for encoded in run(delayed(encode)(batch, contract, share, os.getpid()) for batch in wave):
                read.take(encoded)
                progress.update(len(encoded.ids))
    repeated = read.repeated_ids()
    again = _repeats(paths, topics, repeated) if len(repeated) else []
    if named := tuple([*read.problems, *again][:MAX_PROBLEMS]):
        raise CorpusError(f"{read.n_problems + len(again)} bad lines; the first: {named[0]}", named)
    if not read.shards:
        raise no_segments(paths)
    return read.result(topics)


def held_out_share(n_segments: int, n_folds: int) -> float:
    """The share of stories held out: all in turn while segments are few, then one fold, of some `MAX_HELD_OUT` at most."""
    return 1.0 if n_segments <= MAX_HELD_OUT else min(1 / n_folds, MAX_HELD_OUT / n_segments)


def _folds(groups: Hashes, n_segments: int, n_folds: int) -> NDArray[np.int8]:
    place = groups / HASHES
    folds = np.minimum((place * n_folds).astype(np.int8), n_folds - 1).astype(np.int8)
    folds[place >= held_out_share(n_segments, n_folds)] = -1
    return folds


class _Reading:
    """What is known of a corpus while it is read."""

    def __init__(self, spool: Spool, n_folds: int):
        self._spool, self._n_folds = spool, n_folds
        self._digest = hashlib.sha256()
        self._ids: list[Hashes] = []
        self._groups: list[Hashes] = []
        self._truth: list[Bools] = []
        self._held_out: list[tuple[int, Segment]] = []
        self._examples: dict[frozenset[str], str] = {}
        self._kinds: dict[str, int] = defaultdict(int)
        self._n_words = 0
        self.shards: list[Shard] = []
        self.problems: list[str] = []
        self.n_problems = 0
        self.n_segments = 0

    def take(self, new: Encoded) -> None:
        """Add a batch, which comes after those taken before."""
        self.n_problems += len(new.problems)
        self.problems += new.problems[: MAX_PROBLEMS - len(self.problems)]
        self._ids.append(np.array(new.ids, np.uint64))
        if not new.ids or self.n_problems:
            return  # nothing will be fitted
        for row in new.digest:
            self._digest.update(row)
        self._groups.append(np.array(new.groups, np.uint64))
        self._truth.append(np.array(new.topics, bool).reshape(len(new.ids), -1))
        self._examples = {**new.examples, **self._examples}
        self._n_words += new.n_words
        for kind, n_holding in new.kinds.items():
            self._kinds[kind] += n_holding
        self.n_segments += len(new.ids)
        share = held_out_share(self.n_segments, self._n_folds)
        self._held_out = [pair for pair in [*self._held_out, *new.held_out] if pair[0] < share * HASHES]
        keep = self._spool.write
        self.shards.append(
            Shard(
                len(new.ids),
                keep(new.tokens),
                keep(np.array(new.lengths, np.int32)),
                keep(np.array(new.beginnings, np.int32)),
                tuple(keep(np.frombuffer(words, np.uint8)) for words in new.words),
                tuple(keep(counts) for counts in new.n_holding),
            )
        )

    def repeated_ids(self) -> Hashes:
        """Hashes that more than one segment's id has."""
        ids = np.sort(np.concatenate([np.empty(0, np.uint64), *self._ids]))
        return distinct(ids[1:][ids[1:] == ids[:-1]])

    def result(self, topics: Sequence[str]) -> Shards:
        """The corpus, all batches taken."""
        groups, truth = np.concatenate(self._groups), np.vstack(self._truth)
        n_topics = truth.sum(axis=1)
        counts = {topic: int(n) for topic, n in sorted(zip(topics, truth.sum(axis=0), strict=True)) if n}
        balance = Balance(
            segments=len(truth),
            topics=counts,
            several=int((n_topics > 1).sum()),
            none=int((n_topics == 0).sum()),
            groups=len(distinct(groups)),
            words=self._n_words,
        )
        folds = _folds(np.array([group for group, _ in self._held_out], np.uint64), len(truth), self._n_folds)
        held_out = tuple((int(fold), segment) for fold, (_, segment) in zip(folds, self._held_out, strict=True))
        wanted = [*(frozenset({topic}) for topic in topics), frozenset[str]()]
        examples = tuple(self._examples.get(want, "") for want in wanted)
        summary = Summary(self._digest.hexdigest(), balance, examples)
        return Shards(tuple(self.shards), groups, truth, held_out, dict(self._kinds), summary)


def _batches(paths: Sequence[Path]) -> Iterator[list[tuple[str, Any]]]:
    """Rows for one shard each."""
    batch: list[tuple[str, Any]] = []
    n_characters = 0
    for place, row in rows(paths):
        batch.append((place, row))
        n_characters += len(row) if isinstance(row, str) else len(row.get("text") or "")
        if len(batch) == SHARD_SEGMENTS or n_characters >= SHARD_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _repeats(paths: Sequence[Path], topics: Sequence[str], hashes: Hashes) -> list[str]:
    """Every line whose id an earlier line has, found by reading the files once more."""
    suspects, allowed = frozenset(hashes.tolist()), frozenset(topics)
    places: dict[str, str] = {}
    problems = []
    for place, row in rows(paths):
        try:
            id_ = segment_of(row, allowed).id
        except ValueError:
            continue  # named already
        if name_hash(id_) in suspects:
            if id_ in places:
                problems.append(f"{place}: id {id_!r} was used at {places[id_]}")
            else:
                places[id_] = place
    return problems
