"""Connections shared out evenly: left to themselves, the worker that wakes first takes them all and keeps them."""

import mmap
import time
from collections.abc import Iterable

SLACK = 2  # connections that a worker may be ahead of another
NAP = 0.001  # seconds that it leaves to the other, a few times
NAPS = 5
_GONE = 2**31 - 1  # the count of a worker that is not there: nobody waits for it


class Balance:
    """How many connections each worker holds, in memory that they share. To be made before the workers are forked."""

    def __init__(self, n_workers: int):
        self._counts = memoryview(mmap.mmap(-1, 4 * n_workers)).cast("i")
        self.keep(())

    def keep(self, slots: Iterable[int | None]) -> None:
        """Forget the workers that are none of these."""
        for slot in set(range(len(self._counts))).difference(slots):
            self._counts[slot] = _GONE

    def free_slot(self, taken: set[int | None]) -> int | None:
        """A place that no worker has, or None for one beyond those that were foreseen."""
        return next((slot for slot in range(len(self._counts)) if slot not in taken), None)

    def note(self, slot: int, count: int) -> None:
        """Note how many connections a worker holds."""
        self._counts[slot] = count

    def is_ahead(self, count: int) -> bool:
        """Whether a worker with so many connections should leave the next one to another."""
        return count >= min(self._counts) + SLACK


class Share:
    """A worker's part in the balance."""

    def __init__(self, balance: Balance, slot: int | None):
        self._balance = balance
        self.slot = slot
        self._naps = 0

    def note(self, count: int) -> None:
        """Note how many connections this worker holds."""
        if self.slot is not None:
            self._balance.note(self.slot, count)

    def leaves_to_others(self, count: int) -> bool:
        """Whether a connection that waits is left to a worker that has fewer; then a moment has passed for it to wake.

        One that does not take it in time loses it.
        """
        if self._naps < NAPS and self.slot is not None and self._balance.is_ahead(count):
            self._naps += 1
            time.sleep(NAP)
            return True
        self._naps = 0
        return False
