"""Near-duplicates across an archive are those that `Seen` finds, on disk."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.duplicates import N_PERMUTATIONS, WHOLE, Seen
from models.pipeline import Document, Form, Json, classify
from models.registry import load_model
from service.archive import repeats
from service.archive.repeats import find_repeats
from service.archive.signatures import STORY, Collector, Signatures

CHUNK = 7


def _texts(n: int, seed: int) -> list[str]:
    """Stories of which many are changed copies of earlier ones, and copies of copies, in some disorder."""
    chance = random.Random(seed)
    texts: list[str] = []
    for number in range(n):
        if texts and chance.random() < 0.6:
            words = chance.choice(texts[-40:]).split()
            for _ in range(chance.choice((0, 1, 5, 12))):
                words[chance.randrange(len(words))] = f"new{chance.randrange(50)}"
        else:
            words = [f"w{number}x{place}" for place in range(chance.choice((5, 40, 60)))]
        texts.append(" ".join(words))
    return texts


def _found(chunks: Sequence[bytes], folder: Path) -> dict[int, int | str]:
    """What repeats what, by numbers through all chunks of CHUNK texts."""
    found = {}
    for number, marks in enumerate(find_repeats(lambda: iter(chunks), folder)):
        for repeat in marks:
            assert repeat.segment == WHOLE
            found[number * CHUNK + repeat.row] = repeat.of
    return found


def _chunks(texts: Sequence[str]) -> list[bytes]:
    chunks = []
    for number, part in enumerate(range(0, len(texts), CHUNK)):
        collector = Collector()
        for row, text in enumerate(texts[part : part + CHUNK]):
            collector.add(row, f"d{number * CHUNK + row}", Document(text), {})
        chunks.append(collector.bytes())
    return chunks


@pytest.mark.parametrize("seed", range(4))
def test_the_disk_finds_what_memory_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Every story of a run repeats the very one that it repeats in a single index held in memory; chunks and files tell nothing."""
    monkeypatch.setattr(repeats, "_HELD", 500)  # many small files
    monkeypatch.setattr(repeats, "_RANGE", 5)
    texts = _texts(600, seed)
    seen, expected = Seen(), {}
    for number, text in enumerate(texts):
        if first := seen.first_like(text, (f"d{number}", WHOLE)):
            expected[number] = first[0]
    assert len(expected) > 100
    assert _found(_chunks(texts), tmp_path) == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_disk_agrees_with_comparing_all_with_all(tmp_path: Path, seed: int) -> None:
    """An oracle without any index: signatures that share a band, and enough of their numbers, with an earlier original."""
    chance = np.random.default_rng(seed)
    signatures = chance.integers(0, 3, (300, N_PERMUTATIONS), dtype=np.uint32)  # a third in common by chance: many near misses
    for number in range(1, len(signatures)):
        if chance.random() < 0.5:
            like = chance.random(N_PERMUTATIONS) < chance.random()
            signatures[number, like] = signatures[chance.integers(number), like]
    originals: list[int] = []
    expected: dict[int, int | str] = {}
    for number, own in enumerate(signatures):
        for first in originals:
            same = own == signatures[first]
            if same.mean() >= 0.4 and same.reshape(-1, 4).all(axis=1).any():
                expected[number] = f"d{first}"
                break
        else:
            originals.append(number)
    assert 20 < len(expected) < 280
    assert _found(list(_plain_chunks(signatures)), tmp_path) == expected


def _plain_chunks(signatures: np.ndarray) -> Iterator[bytes]:
    for start in range(0, len(signatures), CHUNK):
        part = signatures[start : start + CHUNK]
        stories = np.empty(len(part), STORY)
        stories["row"], stories["segment"], stories["signature"] = np.arange(len(part)), WHOLE, part
        names = {row: f"d{start + row}" for row in range(len(part))}
        yield msgspec.msgpack.encode(Signatures(stories.tobytes(), names))


def test_pages_point_at_documents_and_at_their_own_segments(tmp_path: Path) -> None:
    """As with `--duplicates` in memory: a story twice on one page bears its index, one of another page that page's name."""
    release = load_model(None)
    story = " ".join(f"Ferry number {n} crosses the strait at {n} o'clock." for n in range(12))
    page = f"Ferries cross by night\n{story}\n\nRelated Articles\n\nFerries in the night\nCoast Courier\n2 hours ago\n{story}\n"
    collector, results = Collector(), []
    seen, expected = Seen(), []
    for row, name in enumerate("ab"):
        document = Document(page, Form.PAGE, None, name)
        for into in (results, expected):
            into.append(classify(release, document))
        collector.add(row, name, document, results[-1])
        seen.mark(expected[-1], document, name)
    for repeat in next(find_repeats(lambda: iter([collector.bytes()]), tmp_path)):
        results[repeat.row]["segments"][repeat.segment]["duplicate_of"] = repeat.of
    assert [_marks(result) for result in results] == [_marks(result) for result in expected]
    assert "a" in _marks(results[1])


def _marks(result: Json) -> list[object]:
    return [segment["duplicate_of"] for segment in result["segments"]]


def test_a_bucket_holds_so_many_stories_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million reports that share a sentence of boilerplate, and nothing else, do not become a million comparisons each."""
    monkeypatch.setattr(repeats, "BUCKET_STORIES", 3)
    signatures = np.random.default_rng(1).integers(0, 2**32, (40, N_PERMUTATIONS), dtype=np.uint32)
    signatures[:, :4] = 7  # one band is everybody's
    signatures[39] = signatures[38]
    taken = []
    known = repeats._Deciding._members_of

    def counted(self: object, buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        originals, is_open = known(self, buckets)  # type: ignore[arg-type] # it is one
        taken.append(len(originals))
        return originals, is_open

    monkeypatch.setattr(repeats._Deciding, "_members_of", counted)
    assert _found(list(_plain_chunks(signatures)), tmp_path) == {39: "d38"}
    assert max(taken) == 4


@pytest.mark.parametrize("chunks", [[], [Collector().bytes()], [Collector().bytes()] * 3])
def test_nothing_repeats_nothing(tmp_path: Path, chunks: list[bytes]) -> None:
    """An archive without a story that is long enough to tell has no repeats."""
    assert list(find_repeats(lambda: iter(chunks), tmp_path)) == [[] for _ in chunks]
