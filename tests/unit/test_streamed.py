"""The streamed fit: counts, features and order are those of a fit in memory, whatever little is in memory at once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import CorpusError, WiretagError
from models.text import tokens
from training import rows as rows_module
from training import shards as shards_module
from training import streamed
from training.corpus import CORPUS_DIR, Segment, read_segments, summary
from training.features import Vocabulary, build_vocabulary, load_kinds, may_count
from training.fit import beginnings
from training.frequencies import streamed_vocabulary
from training.recipe import Recipe, load_recipe
from training.rows import Rows, make_rows
from training.shards import Shards, read_shards
from training.spool import Slot, Spool

TOPICS = ["african_diplomacy", "korea_russia_military_ties", "media_freedom", "sanctions", "ukraine_war"]
FILES = [CORPUS_DIR / name for name in ("ad7.jsonl", "af7.jsonl", "ag8.jsonl")]  # 170 segments, sorted by topic
SHIPPED = load_recipe()
RECIPE = replace(SHIPPED, features=replace(SHIPPED.features, background=""))  # reads sooner
Make = Callable[..., tuple[Shards, Vocabulary, list[Slot]]]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 17 segments and mini-batches of 40 rows, in this process."""
    monkeypatch.setattr(shards_module, "SHARD_SEGMENTS", 17)
    monkeypatch.setattr(shards_module, "effective_n_jobs", lambda _: 1)
    monkeypatch.setattr(rows_module, "BATCH_ROWS", 40)


@pytest.fixture(scope="module")
def segments() -> list[Segment]:
    return read_segments(FILES, TOPICS)


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool() as spool:
        yield spool


@pytest.fixture
def make(spool: Spool) -> Make:
    """Shards and vocabulary of FILES under a recipe."""

    def made(recipe: Recipe = RECIPE) -> tuple[Shards, Vocabulary, list[Slot]]:
        shards = read_shards(FILES, TOPICS, recipe, spool)
        return shards, *streamed_vocabulary(shards, spool, recipe)

    return made


def _matrix(made: Rows, spool: Spool, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
    batches = list(made.batches(spool, epoch))
    return np.vstack([batch.features.toarray() for batch in batches]), np.vstack([batch.truth for batch in batches])


def test_the_corpus_is_told_of_as_in_memory(make: Make, segments: list[Segment]) -> None:
    """Digest, counts and examples do not depend on the way in which a corpus was read."""
    assert make()[0].summary == summary(segments, TOPICS)


def test_the_vocabulary_is_that_of_a_fit_in_memory(make: Make, segments: list[Segment]) -> None:
    """Counting shard by shard loses nothing: words, pairs, kinds and idf are the same."""
    found = make(SHIPPED)[1]
    expected = build_vocabulary([segment.full_text for segment in segments], SHIPPED.features)
    assert (found.words, found.kind_names) == (expected.words, expected.kind_names)
    for name in ("pairs", "kinds", "idf"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("part_pairs", [100, 10_000])
def test_bounds_on_the_vocabulary_keep_what_is_frequent(
    make: Make, segments: list[Segment], monkeypatch: pytest.MonkeyPatch, part_pairs: int
) -> None:
    """A bound raises the number of segments that a word or pair must stand in, however the counting is cut in parts."""
    monkeypatch.setattr("training.frequencies.PART_PAIRS", part_pairs)
    found = make(replace(RECIPE, streamed=replace(RECIPE.streamed, words=300, pairs=40)))[1]
    texts = [tokens(segment.full_text) for segment in segments]
    kinds = load_kinds()
    words = _most_frequent((word for text in texts for word in set(text) if may_count(word)), 300)
    words |= {word for word, kind in kinds.items() if kind in found.kind_names}
    assert set(found.words) == words
    pairs = _most_frequent((pair for text in texts for pair in set(pairwise(text)) if words.issuperset(pair)), 40)
    assert {(found.words[a], found.words[b]) for a, b in found.pairs.tolist()} == pairs


def _most_frequent(names: Iterator[Any], most: int) -> set[Any]:
    counts = Counter(names)
    least = next(least for least in range(3, 200) if sum(n >= least for n in counts.values()) <= most)
    assert least > 3
    return {name for name, n in counts.items() if n >= least}


def test_features_are_those_of_the_vectorizer(make: Make, segments: list[Segment], spool: Spool) -> None:
    """Every segment and every beginning of a long one is learnt from once an epoch, with the weights it has in a fit in memory."""
    shards, vocabulary, numbers = make()
    found, truth = _matrix(make_rows(shards, vocabulary, numbers, spool=spool, out=spool, n_folds=5), spool)
    texts = [*segments, *beginnings(segments, RECIPE.model)]
    expected = vocabulary.vectorizer().transform([segment.full_text for segment in texts]).toarray()
    assert len(found) == len(expected) > len(segments)
    same = found @ expected.T > 1 - 1e-5  # rows have length 1
    assert (same.sum(axis=1) == 1).all()
    of_text = [[topic in segment.topics for topic in TOPICS] for segment in texts]
    np.testing.assert_array_equal(truth, np.array(of_text)[same.argmax(axis=1)])
    np.testing.assert_allclose(found, expected[same.argmax(axis=1)], atol=1e-6)


def test_mini_batches_are_small_and_mixed(make: Make, spool: Spool) -> None:
    """A corpus sorted by topic is learnt in an order that is not, holding one mini-batch at a time, another every epoch."""
    shards, vocabulary, numbers = make()
    made = make_rows(shards, vocabulary, numbers, spool=spool, out=spool, n_folds=5)
    batches = list(made.batches(spool, 0))
    assert len(batches) == made.n_batches > 3
    assert all(len(batch.folds) <= 40 + len(shards.parts) for batch in batches)
    share = shards.truth.any(axis=1).mean()
    assert all(abs(batch.truth.any(axis=1).mean() - share) < 0.25 for batch in batches)
    first, again, other = (_matrix(made, spool, epoch)[0] for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("most", [30_000, 60])
def test_what_is_held_out_is_never_learnt_from(make: Make, spool: Spool, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """While segments are few every fold has a twin that never saw it, later one fold of bounded size has."""
    monkeypatch.setattr(shards_module, "MAX_HELD_OUT", most)
    shards, vocabulary, numbers = make()
    made = make_rows(shards, vocabulary, numbers, spool=spool, out=spool, n_folds=5)
    few = most > len(shards.groups)
    assert len(made.n_in_fold) == (5 if few else 1)
    assert len(shards.held_out) == (len(shards.groups) if few else int((shards.folds(5) == 0).sum()))
    final, *twins = streamed._learn(made, spool, vocabulary, RECIPE)
    texts = {fold: [s.full_text for f, s in shards.held_out if f == fold] for fold in range(len(twins))}
    analyse = vocabulary.vectorizer().transform
    every = np.asarray(analyse([s.full_text for s in read_segments(FILES, TOPICS)]).astype(bool).sum(axis=0)).ravel()
    for fold, twin in enumerate(twins):
        own = np.asarray(analyse(texts[fold]).astype(bool).sum(axis=0)).ravel()
        only_held_out = (own > 0) & (own == every)
        assert only_held_out.any()
        assert not twin.coef[only_held_out].any()
        assert final.coef[only_held_out].any()


def test_groups_are_not_split(make: Make, segments: list[Segment]) -> None:
    """Variants of one story are held out together."""
    folds = make()[0].folds(5)
    assert len({(segment.group, fold) for segment, fold in zip(segments, folds, strict=True)}) == len(
        {s.group for s in segments}
    )


def test_every_bad_line_is_named(tmp_path: Path, spool: Spool) -> None:
    """Bad lines and ids used twice are named with file and line, though the segments are nowhere kept."""
    good = {"id": "1", "text": "Some words.", "topics": []}
    lines = [json.dumps({**good, "id": str(n)}) for n in range(100)]
    lines[20], lines[90] = "{", json.dumps({**good, "id": "3"})
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(CorpusError, match="2 bad lines") as caught:
        read_shards([path], TOPICS, RECIPE, spool)
    bad, repeated = caught.value.problems
    assert bad.startswith(f"{path}:21: not JSON")
    assert repeated == f"{path}:91: id '3' was used at {path}:4"


def test_the_number_of_bad_lines_kept_is_bounded(tmp_path: Path, spool: Spool) -> None:
    """A file of another kind does not fill the memory with complaints."""
    path = tmp_path / "corpus.jsonl"
    path.write_text("x\n" * 1500)
    with pytest.raises(CorpusError, match="1500 bad lines") as caught:
        read_shards([path], TOPICS, RECIPE, spool)
    assert len(caught.value.problems) == 1000


def test_an_empty_file_is_named(tmp_path: Path, spool: Spool) -> None:
    """Nothing to learn from is an error, not a model of nothing."""
    path = tmp_path / "corpus.jsonl"
    path.touch()
    with pytest.raises(CorpusError, match=r"no labelled segments in .*corpus\.jsonl"):
        read_shards([path], TOPICS, RECIPE, spool)


def test_odd_texts_and_names_are_read(tmp_path: Path, spool: Spool) -> None:
    """Text without a word, half a surrogate pair, words of other scripts: as in memory."""
    texts = ["... !", "\ud800 sanctions", "Санкции ΟΔΥΣΣΕΥΣ İstanbul 제재", "a 1 22"]
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps({"id": f"\udfff{n}", "text": t, "topics": []}) + "\n" for n, t in enumerate(texts)))
    shards = read_shards([path], TOPICS, RECIPE, spool)
    assert shards.summary == summary(read_segments([path], TOPICS), TOPICS)
    vocabulary, numbers = streamed_vocabulary(shards, spool, replace(RECIPE, features=replace(RECIPE.features, min_segments=1)))
    found, _ = _matrix(make_rows(shards, vocabulary, numbers, spool=spool, out=spool, n_folds=5), spool)
    assert sorted((found > 0).sum(axis=1).tolist()) == [0, 0, 1, 4 + 3]  # words and pairs


def test_a_spool_gives_back_what_it_was_given(spool: Spool) -> None:
    """Arrays come back whole or in part, empty ones too."""
    slots = [spool.write(np.arange(n, dtype=np.int32)) for n in (5, 0, 1000)]
    assert [spool.read(slot).tolist() for slot in slots] == [list(range(n)) for n in (5, 0, 1000)]
    assert spool.read(slots[2], 10, 12).tolist() == [10, 11]


def test_a_full_disk_is_named_with_the_remedy(spool: Spool) -> None:
    """Half a model's data is no model."""
    with open("/dev/full", "w+b") as full:
        spool._file, mine = full, spool._file
        with pytest.raises(WiretagError, match=r"No space left on device.*TMPDIR"):
            spool.write(np.arange(10))
        spool._file = mine
