"""The features of a corpus in shards as sparse rows on disk, read back in mini-batches that are shuffled over the whole corpus.

The rows of every shard are stored in a random order. A mini-batch takes the same stretch of every shard and mixes them, so that
it is a fair sample of the corpus however the files are sorted, and no more than one mini-batch is in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from tqdm import tqdm

from training.features import Vocabulary
from training.fit import SEED
from training.frequencies import Ints, Longs, pairs_at, tokens_of
from training.shards import Bools, Shard, Shards
from training.spool import Slot, Spool

BATCH_ROWS = 30_000


@dataclass(frozen=True, slots=True)
class RowShard:
    """The rows of a shard in the order they are learnt from: those of its segments and of the beginnings of long ones.

    `ends` (rows + 1,) tells where each row's features stop; on the spool: features and weights, topics row by row, folds.
    """

    ends: Longs
    features: Slot
    weights: Slot
    truth: Slot
    folds: Slot


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to learn from: features (rows, features), truth (rows, topics), and the fold of each row or -1."""

    features: csr_matrix
    truth: Bools
    folds: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows. `n_in_fold` tells how many are in each fold that is held out."""

    parts: tuple[RowShard, ...]
    n_features: int
    n_topics: int
    n_rows: int
    n_in_fold: tuple[int, ...]

    @property
    def n_batches(self) -> int:
        """How many mini-batches an epoch has."""
        return 1 + (self.n_rows - 1) // BATCH_ROWS

    def batches(self, spool: Spool, epoch: int) -> Iterator[Batch]:
        """Every row once, in an order of the epoch's own."""
        rng = np.random.default_rng([SEED, 1, epoch])
        for number in rng.permutation(self.n_batches):
            pieces = [self._stretch(part, int(number), spool) for part in self.parts]
            lengths, features, weights, truth, folds = (np.concatenate(each) for each in zip(*pieces, strict=True))
            ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            matrix = csr_matrix((weights, features, ends), (len(lengths), self.n_features))
            order = rng.permutation(len(lengths))
            yield Batch(matrix[order], truth.reshape(-1, self.n_topics).astype(bool)[order], folds[order])

    def _stretch(self, part: RowShard, number: int, spool: Spool) -> Sequence[NDArray[np.generic]]:
        n_rows = len(part.ends) - 1
        start, stop = (n_rows * at // self.n_batches for at in (number, number + 1))
        first, last = int(part.ends[start]), int(part.ends[stop])
        return (
            np.diff(part.ends[start : stop + 1]),
            spool.read(part.features, first, last),
            spool.read(part.weights, first, last),
            spool.read(part.truth, start * self.n_topics, stop * self.n_topics),
            spool.read(part.folds, start, stop),
        )


def make_rows(
    shards: Shards, vocabulary: Vocabulary, numbers: Sequence[Slot], *, spool: Spool, out: Spool, n_folds: int
) -> Rows:
    """The rows of all shards, written to `out`. Their features are those of `Vocabulary.vectorizer`, in single precision."""
    firsts = np.cumsum([0, *(shard.n_segments for shard in shards.parts)])
    folds = shards.folds(n_folds)
    run = Parallel(n_jobs=-1, prefer="threads", return_as="generator")
    jobs = (
        delayed(_rows_of)(
            shard,
            of_word,
            vocabulary,
            truth=shards.truth[start:stop],
            folds=folds[start:stop],
            n_folds=n_folds,
            rng=np.random.default_rng([SEED, 0, number]),
            spool=spool,
            out=out,
        )
        for number, (shard, of_word, start, stop) in enumerate(zip(shards.parts, numbers, firsts[:-1], firsts[1:], strict=True))
    )
    made = list(tqdm(run(jobs), "weighing", len(shards.parts), unit=" shards", disable=None))
    n_in_fold = np.sum([counts for _, counts in made], axis=0)[: int(folds.max()) + 1]
    return Rows(
        tuple(part for part, _ in made),
        len(vocabulary.idf),
        shards.truth.shape[1],
        sum(len(part.ends) - 1 for part, _ in made),
        tuple(n_in_fold.tolist()),
    )


def _rows_of(
    shard: Shard,
    numbers: Slot,
    vocabulary: Vocabulary,
    *,
    truth: Bools,
    folds: NDArray[np.int8],
    n_folds: int,
    rng: np.random.Generator,
    spool: Spool,
    out: Spool,
) -> tuple[RowShard, Longs]:
    """A shard's rows in a random order, and how many of them are in each fold."""
    words, segment = tokens_of(shard, numbers, spool)
    beginnings = spool.read(shard.beginnings)
    lengths = spool.read(shard.lengths).astype(np.int64)
    long = np.flatnonzero(beginnings)
    place = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    in_beginning = place < beginnings[segment]
    row_of_long = np.full(shard.n_segments, -1)
    row_of_long[long] = shard.n_segments + np.arange(len(long))
    n_rows = shard.n_segments + len(long)
    matrix = _weighed(
        np.concatenate([words, words[in_beginning]]),
        np.concatenate([segment, row_of_long[segment[in_beginning]]]),
        n_rows,
        vocabulary,
    )
    source = np.concatenate([np.arange(shard.n_segments), long])
    order = rng.permutation(n_rows)
    matrix, source = matrix[order], source[order]
    n_in_fold = np.bincount(folds[source][folds[source] >= 0], minlength=n_folds)
    part = RowShard(
        matrix.indptr.astype(np.int64),
        out.write(matrix.indices.astype(np.int32)),
        out.write(matrix.data),
        out.write(truth[source].astype(np.uint8).ravel()),
        out.write(folds[source]),
    )
    return part, n_in_fold


def _weighed(words: Ints, row: Longs, n_rows: int, vocabulary: Vocabulary) -> csr_matrix:
    """TF-IDF weights (rows, features) of tokens given as words of the vocabulary (-1: none) with the row of each."""
    n_words, n_pairs, n_features = len(vocabulary.words), len(vocabulary.pairs), len(vocabulary.idf)
    known = np.flatnonzero(words >= 0)
    at = pairs_at(words, row)
    keys = words[at].astype(np.int64) * n_words + words[at + 1]
    pair_keys = np.append(vocabulary.pairs[:, 0].astype(np.int64) * n_words + vocabulary.pairs[:, 1], np.iinfo(np.int64).max)
    pair = np.searchsorted(pair_keys, keys)
    is_pair = pair_keys[pair] == keys
    kind = vocabulary.kinds[words[known]]
    of_kind = kind >= 0
    feature = np.concatenate([words[known], n_words + pair[is_pair], n_words + n_pairs + kind[of_kind]])
    occurrences = np.concatenate([row[known], row[at[is_pair]], row[known[of_kind]]]) * n_features + feature
    cells, counts = np.unique(occurrences, return_counts=True)
    row, feature = cells // n_features, cells % n_features
    weights = (1.0 + np.log(counts)) * vocabulary.idf[feature]
    norms = np.sqrt(np.bincount(row, weights**2, n_rows))
    ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))])
    return csr_matrix(((weights / norms[row]).astype(np.float32), feature.astype(np.int32), ends), (n_rows, n_features))
