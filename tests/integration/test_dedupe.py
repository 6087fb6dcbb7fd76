"""`wiretag tag --dedupe`: near-duplicates marked over a whole run, whatever the engine, the chunks and the form of output."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.duplicates import Seen
from models.errors import WiretagError
from models.pipeline import Document
from models.release import Release
from service.archive import marking
from service.archive.chunks import Choices, Chunk
from service.archive.engine import Engine, alone
from service.archive.parts import Part, decode, format_of
from service.archive.repeats import Repeat
from service.archive.run import Task, run

CHOICES = Choices(dedupe=True, chunk_bytes=6_000)


def _texts() -> list[str]:
    """Reports of which a third are earlier ones with some words changed; no two have an id."""
    chance = random.Random(7)
    texts: list[str] = []
    for number in range(200):
        if texts and chance.random() < 0.35:
            words = chance.choice(texts).split()
            for _ in range(3):
                words[chance.randrange(len(words))] = "otherwise"
        else:
            words = [f"report{number}word{place}" for place in range(40)]
        texts.append(" ".join(words))
    return texts


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows: list[dict[str, str]] = [{"document_id": f"n{n}", "text": text} for n, text in enumerate(_texts())]
    rows.insert(90, {"document_id": "bad", "text": " "})
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _expected() -> dict[str, str]:
    seen, found = Seen(), {}
    for number, text in enumerate(_texts()):
        result: dict[str, Any] = {}
        seen.mark(result, Document(text), f"n{number}")
        if result:
            found[f"n{number}"] = result["duplicate_of"]
    assert len(found) > 40
    return found


def _marks(out: Path) -> dict[str, str]:
    rows = decode(out.read_bytes(), format_of(str(out)))
    assert len(rows) == 201
    return {row["document_id"]: row["duplicate_of"] for row in rows if row.get("duplicate_of")}


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.parquet"])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_form_and_number_of_processes_marks_the_same(source: Path, tmp_path: Path, name: str, workers: int) -> None:
    """A repeat bears the id of the first document that has its story, as in one index of the whole run."""
    run(Task((str(source),), str(tmp_path / name), CHOICES, workers=workers))
    assert _marks(tmp_path / name) == _expected()


def test_without_repeats_the_output_is_the_same_as_without_the_option(source: Path, tmp_path: Path) -> None:
    """Only rows that repeat another differ from a run that did not ask."""
    run(Task((str(source),), str(tmp_path / "with.jsonl"), CHOICES, workers=1))
    run(Task((str(source),), str(tmp_path / "without.jsonl"), Choices(chunk_bytes=6_000), workers=1))
    marked = _expected()
    pairs = zip(*((tmp_path / name).read_bytes().splitlines() for name in ("with.jsonl", "without.jsonl")), strict=True)
    for line, plain in pairs:
        assert (line == plain) == (json.loads(plain)["document_id"] not in marked)


def _broken_off(after: int) -> Callable[[Release, Path, str], Engine]:
    def engine_of(release: Release, folder: Path, suffix: str) -> Engine:
        def engine(chunks: Iterable[Chunk]) -> Iterator[Part]:
            for number, part in enumerate(alone(release, CHOICES, suffix)(chunks)):
                if number == after:
                    raise WiretagError("broken off")
                yield part

        return engine

    return engine_of


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_run_that_broke_off_goes_on_to_the_same_bytes(
    source: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off among the chunks, and again while repeats were marked, with a file of signatures lost: the output is the same."""
    whole, out = tmp_path / f"whole-{name}", tmp_path / name
    run(Task((str(source),), str(whole), CHOICES, workers=1))
    task = Task((str(source),), str(out), CHOICES, workers=1, resume=True)
    with pytest.raises(WiretagError, match="--resume"):
        run(task, _broken_off(5))
    (tmp_path / f".{name}.wiretag" / "stories" / "2").write_bytes(b"")

    def full(*_: object) -> Iterator[list[Repeat]]:
        yield []
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(marking, "find_repeats", full)
        with pytest.raises(WiretagError, match="No space left on device"):
            run(task)
    assert not out.exists()
    run(task)
    assert out.read_bytes() == whole.read_bytes()
    assert not (tmp_path / f".{name}.wiretag").exists()
