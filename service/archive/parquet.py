"""Parquet. Row groups are cut by rows; an open one is read on, as far as its chunks come to the same process."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from models.errors import InputError
from models.pipeline import Form
from service.archive import places
from service.archive.chunks import Choices, Chunk, File, Row
from service.archive.lines import row_of
from service.archive.streams import pyarrow_for

_BATCH = 1_000  # rows held as Python objects at a time


def check(file: File, choices: Choices) -> None:
    """Raise `InputError` for what is no Parquet, or lacks the column of texts or one to keep."""
    with _open(file) as table:
        for name in (choices.columns.text, *choices.keep):
            if name not in table.schema_arrow.names:
                names = ", ".join(table.schema_arrow.names)
                raise InputError(f"{places.shown(file.path)}: no column {name!r}; there are: {names[:200]}")


def split(files: tuple[File, ...], choices: Choices) -> Iterator[Chunk]:
    """The chunks of a file: so many rows of a row group that they make up the size of a chunk, about."""
    file = files[0]
    with _open(file) as table:
        metadata = table.metadata
        groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    n_bytes = sum(group.total_byte_size for group in groups)
    first = 1
    for number, group in enumerate(groups):
        n_chunks = max(1, round(group.total_byte_size / choices.chunk_bytes))
        step = max(1, -(-group.num_rows // n_chunks))
        for start in range(0, group.num_rows, step):
            stop = min(group.num_rows, start + step)
            share = group.total_byte_size / max(1, n_bytes) * (stop - start) / group.num_rows
            yield Chunk(0, files, start, stop, number, first + start, round(share * file.size))
        first += group.num_rows


def read(chunk: Chunk, choices: Choices) -> Iterator[Row]:
    """The documents of a chunk."""
    name, columns, form = places.shown(chunk.file.path), choices.columns, choices.form or Form.TEXT
    wanted = (columns.document_id, columns.text, columns.headline, *choices.keep)
    with _sound(chunk.file):
        for start, rows in _group(chunk, wanted).rows(chunk.start, chunk.stop):
            there = rows.schema.names
            values = [rows.column(column).to_pylist() if column in there else [None] * rows.num_rows for column in wanted]
            for number, cells in enumerate(zip(*values, strict=True), chunk.first - chunk.start + start):
                yield row_of(cells[:3], cells[3:], f"{name}: row {number}", columns, form)


class _Group:
    """A row group that is read from its beginning on, in batches."""

    def __init__(self, chunk: Chunk, columns: tuple[str, ...]):
        self._closing = ExitStack()
        table = self._closing.enter_context(_open(chunk.file))
        there = [column for column in dict.fromkeys(columns) if column in table.schema_arrow.names]
        self._batches = table.iter_batches(_BATCH, row_groups=[chunk.group], columns=there)
        self._batch = next(self._batches)
        self.at = 0  # the first row of the batch

    def rows(self, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Rows of a range no earlier than the one before, in pieces, each with the number of its first row."""
        while start < stop:
            if start >= self.at + self._batch.num_rows:
                self.at += self._batch.num_rows
                self._batch = next(self._batches)
                continue
            piece = self._batch.slice(start - self.at, stop - start)
            yield start, piece
            start += piece.num_rows

    def close(self) -> None:
        """Let go of the file."""
        self._closing.close()


_Key = tuple[File, int, tuple[str, ...]]
_latest: dict[_Key, _Group] = {}  # of this process: a group may hold many chunks, and can only be read from its beginning


def _group(chunk: Chunk, columns: tuple[str, ...]) -> _Group:
    key = (chunk.file, chunk.group, columns)
    group = _latest.pop(key, None)
    if group is None or group.at > chunk.start:
        group = _Group(chunk, columns)
    for other in _latest.values():
        other.close()
    _latest.clear()
    _latest[key] = group
    return group


@contextmanager
def _open(file: File) -> Iterator[Any]:
    pyarrow = pyarrow_for(file.path)
    with places.opened(file.path) as raw, _sound(file):
        yield pyarrow.parquet.ParquetFile(raw, buffer_size=1 << 20)  # else a column of a whole group is held


@contextmanager
def _sound(file: File) -> Iterator[None]:
    pyarrow = pyarrow_for(file.path)
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            with places.readable(file.path):
                raise
        raise InputError(f"{places.shown(file.path)}: not a sound Parquet file ({error})") from None
