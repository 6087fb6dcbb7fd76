"""Rows of a corpus to token numbers: the part of a streamed fit that runs in worker processes, and so imports little."""

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from threading import Thread
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from models.text import as_read, tokens
from training.corpus import Segment, digest_row, is_example, segment_of
from training.features import may_count
from training.recipe import ModelRecipe

N_PARTS = 64  # parts of the words by hash, so that the words of one part in all shards fit in memory
HASHES = 2.0**64

Integer = TypeVar("Integer", np.int64, np.uint64)


@dataclass(frozen=True, slots=True)
class Contract:
    """What every batch is read by: the topics, the kind of every word that has one, which segments are long."""

    topics: tuple[str, ...]
    kind_of: dict[str, str]
    model: ModelRecipe


@dataclass(slots=True)
class Encoded:
    """A batch of rows: lists with an entry a segment, and its words in parts with the number of segments that hold each.

    `tokens` holds the number of each token's word, or -1 for words that cannot be features; a segment has `lengths` of them,
    its beginning the first `beginnings` (0: it has none). `held_out` are segments with the hash of their group.
    """

    problems: list[str] = field(default_factory=list)
    digest: list[bytes] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    topics: list[list[bool]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    beginnings: list[int] = field(default_factory=list)
    held_out: list[tuple[int, Segment]] = field(default_factory=list)
    examples: dict[frozenset[str], str] = field(default_factory=dict)
    n_words: int = 0
    tokens: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    words: list[bytes] = field(default_factory=list)
    n_holding: list[NDArray[np.int32]] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)


def encode(batch: Sequence[tuple[str, Any]], contract: Contract, share: float, owner: int) -> Encoded:
    """What a streamed fit needs of rows and their places; `share` is the share of stories that may be held out.

    Runs in a worker of the process `owner`, or in that process itself.
    """
    _end_with(owner)
    made = Encoded()
    allowed = frozenset(contract.topics)
    lexicon: defaultdict[str, int] = defaultdict()
    lexicon.default_factory = lexicon.__len__
    numbers: list[NDArray[np.int32]] = []
    for place, row in batch:
        try:
            segment = segment_of(row, allowed)
        except ValueError as error:
            made.problems.append(f"{place}: {error}")
            continue
        words = segment.text.split()
        n_beginning = 0
        if len(words) > contract.model.long:  # tokens end where words do: those of the beginning come first
            found = tokens(as_read(segment.headline, " ".join(words[: contract.model.beginning])))
            n_beginning = len(found)
            found += tokens(" ".join(words[contract.model.beginning :]))
        else:
            found = tokens(segment.full_text)
        numbers.append(np.fromiter(map(lexicon.__getitem__, found), np.int32, len(found)))
        group = name_hash(segment.group)
        made.digest.append(digest_row(segment))
        made.ids.append(name_hash(segment.id))
        made.groups.append(group)
        made.topics.append([topic in segment.topics for topic in contract.topics])
        made.lengths.append(len(found))
        made.beginnings.append(n_beginning)
        made.n_words += len(words)
        if group < share * HASHES:
            made.held_out.append((group, segment))
        if len(segment.topics) <= 1 and is_example(segment):
            made.examples.setdefault(segment.topics, segment.full_text)
    if numbers:
        _count(made, np.concatenate(numbers), list(lexicon), contract.kind_of)
    return made


def name_hash(name: str) -> int:
    """64 bits that tell a name."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def distinct(values: NDArray[Integer]) -> NDArray[Integer]:
    """The distinct values in order: `np.unique` by sorting, which takes a tenth of the time of its hash table here."""
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])] if len(values) else values


def _count(made: Encoded, numbers: NDArray[np.int32], words: list[str], kind_of: dict[str, str]) -> None:
    """Renumber the words that may count by part and alphabet, and count the segments that hold each word and kind."""
    part_of = {word: crc32(word.encode()) % N_PARTS for word in words if may_count(word)}
    kept = sorted(part_of, key=lambda word: (part_of[word], word))
    n_kept = max(1, len(kept))
    number_of = {word: number for number, word in enumerate(kept)}
    made.tokens = np.array([*(number_of.get(word, -1) for word in words), -1], np.int32)[numbers]
    counted = made.tokens >= 0
    segment = np.repeat(np.arange(len(made.lengths)), made.lengths)
    holding = distinct(segment[counted] * n_kept + made.tokens[counted])
    segment, word = holding // n_kept, holding % n_kept
    n_holding = np.bincount(word, minlength=len(kept)).astype(np.int32)
    edges = np.searchsorted([part_of[each] for each in kept], np.arange(N_PARTS + 1)).tolist()
    for start, end in pairwise(edges):
        made.words.append("\n".join(kept[start:end]).encode())
        made.n_holding.append(n_holding[start:end])
    names = sorted(set(kind_of.values()))
    kind = np.array([names.index(kind_of[each]) if each in kind_of else -1 for each in kept], np.int64)[word]
    of_kind = distinct(segment[kind >= 0] * len(names) + kind[kind >= 0]) % max(1, len(names))
    made.kinds = dict(zip(names, np.bincount(of_kind, minlength=len(names)).tolist(), strict=True))


@cache
def _end_with(owner: int) -> None:
    """Let a worker end when its owner has gone, however it went: else it would wait for ever to hand over its result."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == owner:
        Thread(target=watch, daemon=True).start()
