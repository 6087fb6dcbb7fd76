"""Arrays that do not fit in memory, in a temporary file without a name: it is gone when the run ends, however it ends."""

import os
import tempfile
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import WiretagError


class Slot(NamedTuple):
    """Where an array of one dimension lies: byte offset, number of items, and their type."""

    offset: int
    n_items: int
    dtype: str


class Spool:
    """Keeps arrays on disk. May be shared by threads."""

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="wiretag-")  # noqa: SIM115 - the spool is the context
        except OSError as error:
            raise WiretagError(
                f"{tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder that can be written"
            ) from None
        self._end = 0
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, array: NDArray[Any]) -> Slot:
        """Keep an array of one dimension. Raises `WiretagError` when the disk is full."""
        with self._lock:
            slot = Slot(self._end, len(array), array.dtype.str)
            self._end += array.nbytes
        offset = slot.offset
        rest = memoryview(array.tobytes())
        while rest:
            try:
                n_written = os.pwrite(self._file.fileno(), rest, offset)
            except OSError as error:
                where = f"{tempfile.gettempdir()}: {error.strerror}"
                raise WiretagError(f"{where}; a streamed fit needs 3 to 4 KB a segment; set TMPDIR to a larger disk") from None
            offset += n_written
            rest = rest[n_written:]
        return slot

    def read(self, slot: Slot, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """The array of a slot, or its items from `start` to `stop`."""
        dtype = np.dtype(slot.dtype)
        n_items = (slot.n_items if stop is None else stop) - start
        content = bytearray(n_items * dtype.itemsize)
        view, offset = memoryview(content), slot.offset + start * dtype.itemsize
        while view:
            n_read = os.preadv(self._file.fileno(), [view], offset)
            if not n_read:
                raise WiretagError(f"{tempfile.gettempdir()}: a temporary file was cut short; run again")
            offset += n_read
            view = view[n_read:]
        return np.frombuffer(content, dtype)
