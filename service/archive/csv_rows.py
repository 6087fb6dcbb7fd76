"""Tables of comma- or tab-separated values. A row may hold line breaks, so they are read from the beginning."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from models.errors import InputError
from models.pipeline import Form
from service.archive import places, streams
from service.archive.chunks import MAX_ROW, Choices, Chunk, File, Kind, Row
from service.archive.lines import row_of


def check(file: File, choices: Choices) -> None:
    """Raise `InputError` for a table without the column of texts, or without one to keep."""
    with streams.decompressed(file) as stream:
        _header(_Lines(stream, places.shown(file.path)), file, choices)


def split(files: tuple[File, ...], choices: Choices) -> Iterator[Chunk]:
    """The chunks of a file: its header and some rows each, as they stand."""
    file = files[0]
    with streams.decompressed(file) as stream:
        source = _Lines(stream, places.shown(file.path))
        reader = _header(source, file, choices)
        header = source.take()
        start, first, taken = len(header), source.number, 0
        try:
            for _ in reader:
                if source.size >= choices.chunk_bytes:
                    data = source.take()
                    yield _chunk(files, header, data, start, first, stream.taken - taken)
                    start, first, taken = start + len(data), source.number, stream.taken
        except csv.Error as error:
            raise InputError(f"{places.shown(file.path)}:{reader.line_num}: not readable as a table ({error})") from None
        if source.size:
            yield _chunk(files, header, source.take(), start, first, stream.taken - taken)


def _chunk(  # noqa: PLR0917 - private
    files: tuple[File, ...], header: bytes, data: bytes, start: int, first: int, size: int
) -> Chunk:
    """`first` counts as if the header stood right above the rows."""
    return Chunk(0, files, start, start + len(data), first=first - header.count(b"\n"), size=size, data=header + data)


def read(chunk: Chunk, choices: Choices) -> Iterator[Row]:
    """The documents of a chunk."""
    name, columns, form = places.shown(chunk.file.path), choices.columns, choices.form or Form.TEXT
    csv.field_size_limit(MAX_ROW)
    text = (chunk.data or b"").decode("utf-8-sig", "surrogateescape")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(chunk.file))
    for row in reader:
        place = f"{name}:{chunk.first + reader.line_num}"
        values = (row.get(columns.document_id), row.get(columns.text), row.get(columns.headline) or None)
        kept = tuple(row.get(column) for column in choices.keep)
        if any(value and not _is_sound(value) for value in (*values, *kept)):
            yield Row(None, place, error="not UTF-8; convert the file")
        else:
            yield row_of(values, kept, place, columns, form)


def _is_sound(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _header(source: "_Lines", file: File, choices: Choices) -> Any:
    """A reader of the rows below the header."""
    csv.field_size_limit(MAX_ROW)
    reader = csv.reader(source, delimiter=_delimiter(file))
    names = next(reader, [])
    for name in (choices.columns.text, *choices.keep):
        if name not in names:
            raise InputError(f"{places.shown(file.path)}: no column {name!r}; there are: {', '.join(names)[:200]}")
    return reader


def _delimiter(file: File) -> str:
    return "\t" if file.kind is Kind.TSV else ","


class _Lines:
    """The lines of a stream, which remembers those it gave since `take` was called last."""

    def __init__(self, stream: streams.Stream, name: str):
        self._text = io.TextIOWrapper(io.BufferedReader(_Raw(stream), 1 << 20), "utf-8", "surrogateescape", newline="")
        self._name = name
        self._given: list[str] = []
        self.size = 0  # of what was given
        self.number = 0  # of the last line given

    def __iter__(self) -> "Iterator[str]":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) >= MAX_ROW:
            raise InputError(f"{self._name}:{self.number}: the line is over {MAX_ROW:,} characters; cut it into documents")
        self._given.append(line)
        self.size += len(line)
        return line.lstrip("\ufeff") if self.number == 1 else line

    def take(self) -> bytes:
        """The lines given, as they stand in the file."""
        data = "".join(self._given).encode("utf-8", "surrogateescape")
        self._given, self.size = [], 0
        return data


class _Raw(io.RawIOBase):
    def __init__(self, stream: streams.Stream):
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
