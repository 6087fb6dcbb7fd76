"""What of a run is done: one line a finished chunk, so that a run that was killed goes on where it stopped."""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from models.errors import InputError


class Entry(msgspec.Struct):
    """A finished chunk: what it was, what is counted of it, and its bytes, by their size and CRC-32.

    placed: whether they stand in the output's file already; if not, in a file of their own; stories: the CRC-32 of its
    signatures.
    """

    chunk: int
    identity: str
    n_documents: int
    n_failed: int
    size: int
    crc: int
    placed: bool
    stories: int = 0


@dataclass(slots=True)
class Journal:
    """The journal of a run in a file. Its first line is what the run was told to do."""

    path: Path

    def begin(self, task: dict[str, Any], entries: list[Entry]) -> None:
        """Replace the journal by one with these entries, in one step."""
        aside = self.path.with_suffix(".new")
        aside.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in (task, *entries)))
        os.replace(aside, self.path)

    def add(self, entry: Entry) -> None:
        """Note a chunk as finished. A line that is not whole, as after a kill, counts for nothing."""
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")

    def read(self, task: dict[str, Any]) -> dict[int, Entry]:
        """The finished chunks, the last word on each. Raises `InputError` where the run was told to do something else."""
        first, entries = self._lines()
        for name, value in msgspec.json.decode(msgspec.json.encode(task)).items() if first else ():
            if first.get(name) != value:
                raise InputError(
                    f"--resume: the run began with another {name} ({first.get(name)}, now {value}); "
                    "ask for the same, or start anew without --resume"
                )
        return entries

    def finished(self) -> dict[int, Entry]:
        """The finished chunks, whatever the run was told to do."""
        return self._lines()[1]

    def _lines(self) -> tuple[dict[str, Any], dict[int, Entry]]:
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return {}, {}
        first: dict[str, Any] = {}
        entries: dict[int, Entry] = {}
        try:
            first = msgspec.json.decode(lines[0]) if lines else {}
            for line in lines[1:]:
                if not line.endswith(b"\n"):
                    break
                entry = _entry(line)
                entries[entry.chunk] = entry
        except (msgspec.MsgspecError, UnicodeDecodeError):  # spoilt by a power cut: what stands before counts
            pass
        return first, entries


_entry = msgspec.json.Decoder(Entry).decode


def sound_entries(entries: dict[int, Entry], bodies: Iterator[tuple[int, Path, Path]]) -> Iterator[Entry]:
    """The entries whose bytes are there, in order. `bodies` gives the file of each chunk, and that of its own until placed."""
    is_sound = True
    offset, last = 0, None
    for index, body, own in bodies:
        entry = entries.get(index)
        if entry is None or not entry.placed:
            is_sound = False
        if entry is None:
            continue
        if body != last:
            offset, last = 0, body
        if entry.placed and is_sound:
            is_sound = _crc(body, offset, entry.size) == entry.crc
            offset += entry.size
            if is_sound:
                yield entry
        elif not entry.placed and _crc(own, 0, entry.size) == entry.crc:
            yield entry


def _crc(path: Path, offset: int, size: int) -> int | None:
    if size == 0:
        return 0
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except FileNotFoundError:
        return None
    return zlib.crc32(data) if len(data) == size else None
