"""Results that a client has not taken yet."""

import os
import tempfile
from typing import BinaryIO

MEMORY = 1 << 20  # bytes held before the disk is asked


class Backlog:
    """First in, first out; up to `MEMORY` in memory, the rest in a nameless file of at most `room` bytes.

    It takes what it is given in any case: whoever fills it looks at `is_full`, which comes true early where no file can be had
    or the disk is full.
    """

    def __init__(self, room: int):
        self._room = room
        self._file: BinaryIO | None = None  # holds what came before `_tail`, from `_start` to `_end`
        self._start = self._end = 0
        self._tail = bytearray()

    def __enter__(self) -> "Backlog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._end - self._start + len(self._tail)

    @property
    def is_full(self) -> bool:
        """Whether something should be taken before more is added."""
        return len(self._tail) > MEMORY

    def add(self, results: bytes) -> None:
        """Put something at the end."""
        self._tail += results
        if len(self._tail) > MEMORY and self._end + len(self._tail) <= self._room:
            self._spill()

    def take(self, n: int) -> bytes:
        """At most `n` bytes from the front."""
        if self._file is None or self._start == self._end:
            taken = bytes(self._tail[:n])
            del self._tail[:n]
            return taken
        taken = os.pread(self._file.fileno(), min(n, self._end - self._start), self._start)
        self._start += len(taken)
        if self._start == self._end:
            self._file.truncate(0)
            self._start = self._end = 0
        return taken

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed by __exit__)
            written = os.pwrite(self._file.fileno(), self._tail, self._end)
        except OSError:
            written = 0
        if written < len(self._tail):
            self._room = 0  # no disk, or a full one: what it took of this counts for nothing
            return
        self._end += written
        self._tail.clear()
