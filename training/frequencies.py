"""How many segments hold each word and pair: exact counts in bounded memory, and the vocabulary that they make.

The counts of the shards are brought together part by part: words by a hash, pairs by their first word, so that all counts of
one word or pair meet in one part, and only that part is in memory. No sketch is needed and nothing is estimated.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from training.encoding import N_PARTS, distinct
from training.features import Lexicon, Vocabulary, background_frequencies, choose_words, load_kinds, weigh
from training.recipe import Recipe
from training.shards import Shard, Shards
from training.spool import Slot, Spool

PART_PAIRS = 4_000_000  # counts of pairs in memory at once

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


def streamed_vocabulary(shards: Shards, spool: Spool, recipe: Recipe) -> tuple[Vocabulary, list[Slot]]:
    """The vocabulary of a corpus, as `build_vocabulary` makes it, and for every shard the number of each of its words in it.

    The slots hold int32: the word of the vocabulary or -1. Where the recipe's bounds on words and pairs are passed, only those
    in most segments are kept: the smallest `min_segments` that meets the bound.
    """
    features = recipe.features
    seen, least = _count_words(shards.parts, spool, recipe)
    seen |= shards.kinds
    lexicon = choose_words(seen, replace(features, min_segments=least))
    index = {word: number for number, word in enumerate(lexicon.words)}
    numbers = [
        spool.write(np.array([index.get(word, -1) for slot in shard.words for word in _words(spool, slot)], np.int32))
        for shard in shards.parts
    ]
    pairs, n_holding = _count_pairs(shards.parts, numbers, spool, lexicon, recipe)
    vocabulary = weigh(lexicon, seen, pairs, n_holding, n_texts=shards.summary.balance.segments, recipe=features)
    return vocabulary, numbers


def tokens_of(shard: Shard, numbers: Slot, spool: Spool) -> tuple[Ints, Longs]:
    """The words of the vocabulary in a shard's segments, token by token (-1: none), and the segment of every token."""
    of_word = np.append(spool.read(numbers), np.int32(-1))  # so that -1 stays -1
    lengths = spool.read(shard.lengths)
    return of_word[spool.read(shard.tokens)], np.repeat(np.arange(shard.n_segments), lengths)


def pairs_at(words: Ints, segment: Longs) -> Longs:
    """The places of tokens that make a pair with the next one: both are words of the vocabulary, in one segment."""
    return np.flatnonzero((words[:-1] >= 0) & (words[1:] >= 0) & (segment[:-1] == segment[1:]))


def _count_words(shards: Sequence[Shard], spool: Spool, recipe: Recipe) -> tuple[dict[str, int], int]:
    """How many segments hold each word that may be a feature, and in how many a word must stand."""
    always = set(background_frequencies(recipe.features.background)) | set(load_kinds() if recipe.features.kinds else ())
    least = recipe.features.min_segments
    often: dict[str, int] = {}
    rare: dict[str, int] = {}
    for part in range(N_PARTS):
        counts: dict[str, int] = {}
        for shard in shards:
            holding = spool.read(shard.n_holding[part]).tolist()
            for word, n in zip(_words(spool, shard.words[part]), holding, strict=True):
                counts[word] = counts.get(word, 0) + n
        often |= {word: n for word, n in counts.items() if n >= least}
        rare |= {word: n for word, n in counts.items() if n < least and word in always}
        if len(often) > recipe.streamed.words:
            least = _least(np.array(list(often.values())), recipe.streamed.words, least)
            rare |= {word: n for word, n in often.items() if n < least and word in always}
            often = {word: n for word, n in often.items() if n >= least}
    return often | rare, least


def _count_pairs(
    shards: Sequence[Shard], numbers: Sequence[Slot], spool: Spool, lexicon: Lexicon, recipe: Recipe
) -> tuple[Ints, Longs]:
    """The pairs that are features (pairs, 2), in order, and how many segments hold each."""
    n_words = len(lexicon.words)
    with Spool() as counts:
        run = Parallel(n_jobs=-1, prefer="threads", return_as="generator")
        jobs = (delayed(_pairs_of)(*each, spool, counts, n_words) for each in zip(shards, numbers, strict=True))
        parts = list(tqdm(run(jobs), "counting", len(shards), unit=" shards", disable=None))
        n_parts = 1 + sum(keys.n_items for keys, _ in parts) // PART_PAIRS
        edges = np.linspace(0, n_words, n_parts + 1).astype(np.int64)[1:-1] * n_words
        cuts = [np.searchsorted(counts.read(keys), edges) for keys, _ in parts]
        cuts = [np.concatenate([[0], at, [keys.n_items]]) for at, (keys, _) in zip(cuts, parts, strict=True)]
        least = recipe.features.min_segments
        kept = np.empty(0, np.int64)
        n_kept = np.empty(0, np.int64)
        for part in range(n_parts):
            ranges = [(slots, int(at[part]), int(at[part + 1])) for slots, at in zip(parts, cuts, strict=True)]
            keys = np.concatenate([counts.read(slots[0], start, stop) for slots, start, stop in ranges])
            n_holding = np.concatenate([counts.read(slots[1], start, stop) for slots, start, stop in ranges])
            keys, n_holding = _sums(keys, n_holding)
            kept = np.concatenate([kept, keys[n_holding >= least]])
            n_kept = np.concatenate([n_kept, n_holding[n_holding >= least]])
            if len(kept) > recipe.streamed.pairs:
                least = _least(n_kept, recipe.streamed.pairs, least)
                kept, n_kept = kept[n_kept >= least], n_kept[n_kept >= least]
    return np.column_stack([kept // n_words, kept % n_words]).astype(np.int32), n_kept


def _pairs_of(shard: Shard, numbers: Slot, spool: Spool, counts: Spool, n_words: int) -> tuple[Slot, Slot]:
    """The pairs of a shard as `first word * n_words + second word`, sorted, and how many of its segments hold each."""
    words, segment = tokens_of(shard, numbers, spool)
    at = pairs_at(words, segment)
    keys = words[at].astype(np.int64) * n_words + words[at + 1]
    held = distinct(keys * shard.n_segments + segment[at]) // shard.n_segments
    keys, n_holding = np.unique(held, return_counts=True)
    return counts.write(keys), counts.write(n_holding.astype(np.int32))


def _sums(keys: Longs, counts: Ints) -> tuple[Longs, Longs]:
    """Distinct keys in order, each with the sum of its counts."""
    if not len(keys):
        return keys, counts.astype(np.int64)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[firsts], np.add.reduceat(counts[order].astype(np.int64), firsts)


def _least(counts: NDArray[np.integer], at_most: int, least: int) -> int:
    """The smallest count, `least` or more, that no more than `at_most` of the counts reach."""
    if len(counts) <= at_most:
        return least
    return max(least, int(np.partition(counts, -at_most - 1)[-at_most - 1]) + 1)


def _words(spool: Spool, slot: Slot) -> list[str]:
    return spool.read(slot).tobytes().decode().split("\n") if slot.n_items else []
