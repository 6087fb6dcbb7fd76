"""JSON Lines. A plain file is cut into ranges of bytes, a line belonging to the range it begins in; a stream is read ahead."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

import msgspec

from models.pipeline import Document, Form
from service.archive import places, streams
from service.archive.chunks import MAX_ROW, Choices, Chunk, Columns, File, Row

_BOM = b"\xef\xbb\xbf"


def check(file: File, choices: Choices) -> None:
    """Nothing is known of lines before they are read."""


def split(files: tuple[File, ...], choices: Choices) -> Iterator[Chunk]:
    """The chunks of a file."""
    file = files[0]
    if not file.compression:
        for start in range(0, file.size, choices.chunk_bytes):
            stop = min(file.size, start + choices.chunk_bytes)
            yield Chunk(0, files, start, stop, first=int(start == 0), size=stop - start)
        return
    start, number = 0, 1
    for data, n_lines, size in _read_ahead(file, choices.chunk_bytes):
        yield Chunk(0, files, start, start + len(data), first=number, size=size, data=data)
        start += len(data)
        number += n_lines


def _read_ahead(file: File, chunk_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Whole lines of a stream, their number, and how many compressed bytes they took. Of a line over the limit its beginning.

    Where they are cut depends on the lines alone, not on how many bytes come at a time.
    """
    held, is_cut, before = bytearray(), False, 0
    with streams.decompressed(file) as stream:
        while piece := stream.read(1 << 20):
            if is_cut:  # in the midst of a line that is over the limit
                end = piece.find(b"\n")
                if end < 0:
                    continue
                piece, is_cut = piece[end:], False
            held += piece
            while len(held) >= chunk_bytes:
                end = held.rfind(b"\n", 0, chunk_bytes) + 1 or held.find(b"\n", chunk_bytes) + 1
                if not end:
                    is_cut = len(held) > MAX_ROW
                    del held[MAX_ROW + 1 :]
                    break
                yield bytes(held[:end]), held.count(b"\n", 0, end), stream.taken - before
                before = stream.taken
                del held[:end]
        if held:
            yield bytes(held), 1, stream.taken - before


def read(chunk: Chunk, choices: Choices) -> Iterator[Row]:
    """The documents of a chunk."""
    offset, lines = (chunk.start, chunk.data.split(b"\n")) if chunk.data is not None else _range(chunk)
    if offset == 0:
        lines[0] = lines[0].removeprefix(_BOM)
    name = places.shown(chunk.file.path)
    fields = _fields(choices.columns, choices.keep)
    form = choices.form or Form.TEXT
    for number, line in enumerate(lines, chunk.first):
        if line and not line.isspace():
            yield _row(line, f"{name}:{number}" if chunk.first else f"{name}, byte {offset:,}", fields, form)
        offset += len(line) + 1


def _range(chunk: Chunk) -> tuple[int, list[bytes]]:
    """The lines that begin within a range, and the byte where the first one does."""
    with places.opened(chunk.file.path) as file:
        before = min(chunk.start, 1)  # the byte before tells whether a line begins at the first
        file.seek(chunk.start - before)
        lines = file.read(chunk.stop - chunk.start + before).split(b"\n")
        offset = chunk.start - before
        if before:
            offset += len(lines[0]) + 1
            del lines[0]  # it began earlier
        if lines and lines[-1]:
            lines[-1] += b"".join(_rest_of_line(file, len(lines[-1])))
    return offset, lines


def _rest_of_line(file: BinaryIO, size: int) -> Iterator[bytes]:
    """What a line goes on with beyond its range, until it is over the limit."""
    while size <= MAX_ROW and (piece := file.read(1 << 18)):
        end = piece.find(b"\n")
        if end >= 0:
            yield piece[:end]
            return
        yield piece
        size += len(piece)


class _Fields(NamedTuple):
    """The decoder of a line to a struct of the columns wanted, and where id, text, headline and those to keep stand in it."""

    decode: Callable[[bytes], msgspec.Struct]
    at: tuple[int, ...] | None  # None: in that order
    columns: Columns


@lru_cache(maxsize=4)
def _fields(columns: Columns, keep: tuple[str, ...]) -> _Fields:
    wanted = (columns.document_id, columns.text, columns.headline, *keep)
    names = list(dict.fromkeys(wanted))
    line = msgspec.defstruct(
        "Line",
        [(f"field{n}", Any, None) for n in range(len(names))],
        rename={f"field{n}": name for n, name in enumerate(names)},
    )
    at = tuple(map(names.index, wanted))
    return _Fields(msgspec.json.Decoder(line).decode, at if len(names) < len(wanted) else None, columns)


def _row(line: bytes, place: str, fields: _Fields, form: Form) -> Row:
    if len(line) > MAX_ROW:
        return Row(None, place, error=f"the line is over {MAX_ROW:,} bytes; cut it into documents")
    try:
        found = msgspec.structs.astuple(fields.decode(line))
    except msgspec.ValidationError:
        return Row(None, place, error='not a row of named fields; write {"text": …} on each line')
    except UnicodeDecodeError:
        return Row(None, place, error="not UTF-8; convert the file")
    except (msgspec.MsgspecError, RecursionError) as error:
        return Row(None, place, error=f"not JSON ({str(error)[:100]}); mend or drop the line")
    if fields.at is not None:
        found = tuple([found[at] for at in fields.at])
    return row_of(found[:3], found[3:], place, fields.columns, form)


def row_of(values: tuple[Any, ...], kept: tuple[Any, ...], place: str, columns: Columns, form: Form) -> Row:
    """The row of an id, a text and a headline, whatever they are."""
    document_id, text, headline = values
    name = None if document_id is None else document_id if isinstance(document_id, str) else str(document_id)
    if not isinstance(text, str):
        return Row(None, place, kept, name, f"no {columns.text!r}; name the column with --text-column")
    if headline is not None and not isinstance(headline, str):
        return Row(None, place, kept, name, f"{columns.headline!r} must be a text or be left out")
    return Row(Document(text, form, headline if form is Form.TEXT else None, name), place, kept, name)
