"""Near-duplicates marked in parts that are finished, before they become the output."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.duplicates import WHOLE
from models.pipeline import Json
from service.archive import parts
from service.archive.journal import Entry
from service.archive.repeats import Repeat, find_repeats

if TYPE_CHECKING:
    from service.archive.assembly import Output


def mark(output: "Output", entries: Sequence[Entry]) -> Path:
    """The folder of the parts with `duplicate_of` set; `entries` are of all chunks, in order. The parts stay as they are."""
    folder = output.work / "marked"
    folder.mkdir()
    bodies = _bodies(output, entries)
    for body, repeats in zip(bodies, find_repeats(lambda: _stories(output, entries), output.work), strict=True):
        path, data = body
        if repeats:
            results = parts.decode(data, output.suffix)
            for repeat in repeats:
                _set(results[repeat.row], repeat)
            data = parts.encode(results, output.suffix, output.keep)
        if data:
            with (folder / path.name).open("ab") as file:
                file.write(data)
    return folder


def are_sound(output: "Output", entry: Entry) -> bool:
    """Whether the signatures of a chunk are there as they were written."""
    path = output.stories(entry.chunk)
    return path.exists() and zlib.crc32(path.read_bytes()) == entry.stories


def _set(result: Json, repeat: Repeat) -> None:
    bearer = result if repeat.segment == WHOLE else result["segments"][repeat.segment]
    bearer["duplicate_of"] = repeat.of


def _stories(output: "Output", entries: Sequence[Entry]) -> Iterator[bytes]:
    return (output.stories(entry.chunk).read_bytes() for entry in entries)


def _bodies(output: "Output", entries: Sequence[Entry]) -> Iterator[tuple[Path, bytes]]:
    """The file and the bytes of every chunk. A file holds those of several, one after the other."""
    last, offset = None, 0
    for entry in entries:
        path = output.body(entry.chunk)
        offset = offset if path == last else 0
        last = path
        data = b""
        if entry.size:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(entry.size)
        offset += entry.size
        yield path, data
