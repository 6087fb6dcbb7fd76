"""Where counts lie: one row a worker, in memory that was made before the workers were forked and that all of them share.

A worker writes its own row only, so that no process waits for another; who reports adds the rows up. The row of a worker that
died keeps its counts and goes to the next worker. Rows are memory of no file: nothing piles up, and all ends with the service.
"""

import mmap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.decisions import Reason
from models.reference import EDGES, SCORE_EDGES
from models.segmenter import Role

Floats = NDArray[np.float64]

SLOTS = 128  # rows; slot 0 belongs to the process that made them, which serves itself where nothing forks
ROOM = {"routes": 48, "topics": 64, "shed_reasons": 16}  # label values that are met on the way; what goes beyond is "other"
SUB_WINDOWS = 24  # of the sliding window of drift
SNAPSHOT = 65_536  # bytes a worker has to tell the others of unknown terms
OTHER = "other"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER)
STATUSES = (
    *("200", "201", "204", "301", "302", "304", "308", "400", "401", "403", "404", "405", "408", "409", "413", "415", "422"),
    *("429", "431", "500", "501", "503", "504", OTHER),
)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OUTCOMES = ("loaded", "refused", OTHER)
ROLES = tuple(Role)
REASONS = tuple(Reason)


def _bins(edges: Iterable[float]) -> int:
    """Counts of a histogram: a bin an edge, the open bin, and the sum of what was seen."""
    return len(tuple(edges)) + 2


# What is compared with the reference of a release; of a page, the main segment speaks. Decisions are assigned and review.
MEASURED = np.dtype(
    [
        ("scores", "f8", (ROOM["topics"], _bins(SCORE_EDGES))),
        ("decisions", "f8", (ROOM["topics"], 2)),
        *((name, "f8", (_bins(edges),)) for name, edges in EDGES.items()),
    ]
)
_ROW = np.dtype(
    [
        *((kind, "S64", (room - 1,)) for kind, room in ROOM.items()),
        ("requests", "f8", (ROOM["routes"], len(METHODS), len(STATUSES))),
        ("seconds", "f8", (ROOM["routes"], _bins(SECONDS))),
        ("shed", "f8", (ROOM["shed_reasons"],)),
        ("reloads", "f8", (len(OUTCOMES),)),
        ("documents", "f8", (2,)),  # classified, unusable
        ("segments", "f8", (len(ROLES),)),
        ("none", "f8", (len(REASONS),)),
        ("measured", MEASURED),
        ("starts", MEASURED, (SUB_WINDOWS,)),  # what was measured when a sub-window began, by its number modulo SUB_WINDOWS
        ("epoch", "i8"),  # number of the sub-window that began last
        ("sub_window", "f8"),  # seconds
        ("measured_by", "S100"),  # version of the release that the window is about
    ],
    align=True,
)
_STATE = np.dtype([("is_used", "f8"), ("is_alive", "f8"), ("in_flight", "f8"), ("version", "S100")], align=True)


class Counts:
    """The rows of all workers. Reading takes no lock: a report may miss what is being counted at that moment."""

    def __init__(self, slots: int = SLOTS):
        self.rows = _shared(_ROW, slots)
        self.states = _shared(_STATE, slots)  # gauges, apart from the rows so that unused rows cost nothing
        self.snapshots = _shared(np.dtype(np.uint8), slots * SNAPSHOT).reshape(slots, SNAPSHOT)

    def used(self) -> list[int]:
        """The slots that a process has ever held."""
        return [int(slot) for slot in np.flatnonzero(self.states["is_used"])]

    def free_slot(self, held: Iterable[int]) -> int:
        """The lowest slot of a worker that none of the `held` is; the last one where all are held."""
        taken = set(held)
        return next((slot for slot in range(1, len(self.rows)) if slot not in taken), len(self.rows) - 1)

    def occupy(self, slot: int, version: str) -> None:
        """Begin to serve from a slot."""
        self.states[slot] = (1, 1, 0, version.encode())

    def vacate(self, slot: int) -> None:
        """Whoever held the slot serves no more; its counts stay."""
        self.states[slot] = (self.states["is_used"][slot], 0, 0, b"")

    def total(self, field: str) -> Floats:
        """A field over all workers."""
        return np.asarray(self.rows[field][self.used()].sum(axis=0))

    def measured(self, field: str) -> Floats:
        """A field of what was measured, over all workers."""
        return np.asarray(self.rows["measured"][field][self.used()].sum(axis=0))

    def by_label(self, kind: str, values: NDArray[Any]) -> dict[str, Floats]:
        """Values (slots, room of the kind, …) over all workers, by label value; "other" only where something is."""
        found: dict[str, Floats] = {}
        for slot in self.used():
            for index, label in enumerate(self.labels(kind, slot)):
                found[label] = found.get(label, 0.0) + values[slot, index]
        return {label: counts for label, counts in sorted(found.items()) if label != OTHER or np.any(counts)}

    def labels(self, kind: str, slot: int) -> Iterator[str]:
        """The label values of a worker, in the order of its row."""
        yield OTHER
        for label in self.rows[kind][slot]:
            if not label:
                return
            yield label.decode(errors="replace")

    def window(self, version: str, epoch: int) -> dict[str, Any]:
        """What all workers measured under a version in the sub-windows up to `epoch`: arrays by field, scores and decisions by
        topic."""
        spans = np.zeros(len(self.rows), MEASURED)
        for slot in self.used():
            row = self.rows[slot]
            first = max(epoch, int(row["epoch"])) - SUB_WINDOWS + 1
            if row["epoch"] >= first and row["measured_by"] == version.encode():
                start = row["starts"][first % SUB_WINDOWS]
                for field in MEASURED.names or ():
                    spans[field][slot] = row["measured"][field] - start[field]
        by_topic = {field: self.by_label("topics", spans[field]) for field in ("scores", "decisions")}
        return {**{field: spans[field].sum(axis=0) for field in EDGES}, **by_topic}


class Labels:
    """Label values of one kind that a worker met, and their indices in its row. What finds no room is the first, "other"."""

    def __init__(self, memory: NDArray[Any]):
        self._memory = memory
        self._index: dict[str | None, int] = {label.decode(): at for at, label in enumerate(memory, 1) if label}
        self._index[OTHER] = self._index[None] = 0

    def index(self, label: str | None) -> int:
        """The index of a label value; one not met before takes the next that is free."""
        found = self._index.get(label)
        if found is None:
            found = len(self._index) - 1  # without None
            if found > len(self._memory) or not label or "\x00" in label:  # memory of fixed length drops NULs at the end
                return 0
            self._memory[found - 1] = label.encode()[:64]
            self._index[label] = found
        return found


def view(array: NDArray[Any]) -> Any:
    """An array in one dimension, for single numbers: counting one takes a third of the time that the array takes."""
    return memoryview(array.reshape(-1))  # type: ignore[arg-type] # arrays are buffers; their stubs say so from Python 3.12 on


def _shared(dtype: np.dtype[Any], n: int) -> NDArray[Any]:
    """Zeros that processes forked from this one share; pages that nobody touches take no memory."""
    return np.frombuffer(mmap.mmap(-1, dtype.itemsize * n), dtype, n)
