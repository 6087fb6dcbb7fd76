"""Inputs to chunks: the same ones, in the same order, in every run and on every engine."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

from models.errors import InputError
from service.archive import csv_rows, lines, pages, parquet, places, warc
from service.archive.chunks import Choices, Chunk, File, Kind, Row

_READERS: dict[Kind, ModuleType] = {
    Kind.JSON_LINES: lines,
    Kind.CSV: csv_rows,
    Kind.TSV: csv_rows,
    Kind.PARQUET: parquet,
    Kind.WARC: warc,
    Kind.TEXT: pages,
    Kind.HTML: pages,
}
_MOST_FILES = 1_000  # of a chunk


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: `inputs` are paths, globs or URLs."""

    inputs: tuple[str, ...]
    choices: Choices

    def check(self) -> tuple[int, int]:
        """How many files there are and their bytes. Raises `InputError` for what can be seen to be wrong before a run."""
        n_files = n_bytes = 0
        for file in self._files():
            n_files += 1
            n_bytes += file.size
            _READERS[file.kind].check(file, self.choices)
        return n_files, n_bytes

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, numbered from 0. Streams are read here, and their bytes go along. Raises `InputError`."""
        pieces = (piece for several in self._together() for piece in _pieces(several, self.choices))
        for index, piece in enumerate(pieces):
            yield replace(piece, index=index)

    def _files(self) -> Iterator[File]:
        for path in self.inputs:
            yield from places.find(path)

    def _together(self) -> Iterator[list[File]]:
        """Files that hold one document each go together, up to the size of a chunk; others are alone."""
        pending: list[File] = []
        size = 0
        for file in self._files():
            is_one = file.kind in {Kind.TEXT, Kind.HTML}
            if pending and (not is_one or len(pending) >= _MOST_FILES or size + file.size > self.choices.chunk_bytes):
                yield pending
                pending, size = [], 0
            if is_one:
                pending.append(file)
                size += file.size
            else:
                yield [file]
        if pending:
            yield pending


def _pieces(files: Sequence[File], choices: Choices) -> Iterable[Chunk]:
    pieces: Iterable[Chunk] = _READERS[files[0].kind].split(tuple(files), choices)
    return pieces


def read(chunk: Chunk, choices: Choices) -> Iterator[Row]:
    """The documents of a chunk. Raises `InputError` for a file that cannot be read, or changed since the plan found it."""
    yield from _READERS[chunk.file.kind].read(chunk, choices)
    if chunk.data is None:
        for file in chunk.files:
            places.check_unchanged(file)


def check_columns(choices: Choices, taken: Iterable[str]) -> None:
    """Raise `InputError` for a column to keep whose name a result has itself."""
    for name in choices.keep:
        if name in set(taken):
            raise InputError(f"--keep {name}: results have a column of this name; rename the input's")
