"""Parquet. Row groups are cut by rows; an open one is read on, as far as its chunks come to the same process."""

from collections.abc import Iterator
from contextlib import contextmanager
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
    with _open(chunk.file) as table:
        there = [column for column in dict.fromkeys(wanted) if column in table.schema_arrow.names]
        at = 0
        for batch in table.iter_batches(_BATCH, row_groups=[chunk.group], columns=there):
            begin, end = max(chunk.start - at, 0), min(chunk.stop - at, batch.num_rows)
            if begin < end:
                rows = batch.slice(begin, end - begin)
                values = [rows.column(column).to_pylist() if column in there else [None] * rows.num_rows for column in wanted]
                for number, cells in enumerate(zip(*values, strict=True), chunk.first - chunk.start + at + begin):
                    yield row_of(cells[:3], cells[3:], f"{name}: row {number}", columns, form)
            at += batch.num_rows
            if at >= chunk.stop:
                return


@contextmanager
def _open(file: File) -> Iterator[Any]:
    pyarrow = pyarrow_for(file.path)
    with places.opened(file.path) as raw:
        try:
            yield pyarrow.parquet.ParquetFile(raw)
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise InputError(f"{places.shown(file.path)}: not a sound Parquet file ({error})") from None
