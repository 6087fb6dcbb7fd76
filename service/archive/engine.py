"""The processes of this machine. One is enough for little work; more share it in chunks, and one that is killed is replaced."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.process import BaseProcess
from pathlib import Path

from models.errors import WiretagError
from models.release import Release, load_release
from service.archive.chunks import Choices, Chunk
from service.archive.parts import Part
from service.archive.tagging import tag_chunk

_AHEAD = 2  # chunks a worker that are read or wait for it: what bounds memory
_MOST_LOSSES = 2  # of workers, without a chunk finished between them

Engine = Callable[[Iterable[Chunk]], Iterator[Part]]


def alone(release: Release, choices: Choices, suffix: str) -> Engine:
    """The engine of one process: this one."""
    return lambda chunks: (tag_chunk(chunk, release, choices, suffix) for chunk in chunks)


@dataclass(slots=True)
class Pool:
    """The engine of several processes. Parts come in the order they are finished.

    model: the folder of the release; warn: told when a worker was lost.
    """

    workers: int
    model: Path
    choices: Choices
    suffix: str
    warn: Callable[[str], object]

    def __call__(self, chunks: Iterable[Chunk]) -> Iterator[Part]:
        """The parts of chunks. Raises `WiretagError` when workers die again and again over the same chunks."""
        source = iter(chunks)
        undone: list[Chunk] = []
        n_losses = 0
        while True:
            processes: set[BaseProcess] = set()
            try:
                for part in self._work(source, undone, processes):
                    n_losses = 0
                    yield part
                return
            except _LostError as lost:
                undone = lost.undone
                n_losses += 1
                how = _how_it_ended(processes)
                names = "; ".join(chunk.name for chunk in undone[: self.workers])
                if n_losses >= _MOST_LOSSES:
                    raise WiretagError(
                        f"a worker process was {how} again, over one of: {names}; if memory ran out, "
                        "use fewer --workers or a smaller --chunk-mb, then --resume"
                    ) from None
                self.warn(f"a worker process was {how}, perhaps for want of memory; its chunk is done again")

    def _work(self, source: Iterator[Chunk], undone: list[Chunk], processes: set[BaseProcess]) -> Iterator[Part]:
        """Parts until nothing is left, or a worker is lost. `processes` takes those that were started."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        pool = ProcessPoolExecutor(self.workers, context, _begin, (self.model, self.choices, self.suffix))
        pending: dict[Future[Part], Chunk] = {}
        queued = list(reversed(undone))
        fault: WiretagError | None = None
        try:
            while True:
                while len(pending) < self.workers * _AHEAD and fault is None:
                    if not queued:
                        try:
                            queued.append(next(source))
                        except StopIteration:
                            break
                        except WiretagError as error:  # what was read before it is tagged first
                            fault = error
                            break
                    try:
                        future = pool.submit(_tag, queued[-1])
                    except (EOFError, OSError):  # what starts workers is gone itself
                        raise BrokenProcessPool from None
                    pending[future] = queued.pop()
                    processes.update(multiprocessing.active_children())
                if not pending:
                    break
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    part = future.result()
                    del pending[future]
                    yield part
        except BrokenProcessPool:
            raise _LostError(sorted([*pending.values(), *queued], key=lambda chunk: chunk.index)) from None
        finally:
            pool.shutdown(cancel_futures=True)
        if fault is not None:
            raise fault


class _LostError(Exception):
    def __init__(self, undone: list[Chunk]):
        super().__init__()
        self.undone = undone


def _how_it_ended(processes: set[BaseProcess]) -> str:
    """How the first of several processes ended; the others were told to by the pool."""
    for process in processes:
        code = process.exitcode
        if code and code != -signal.SIGTERM:
            return f"killed ({signal.Signals(-code).name})" if code < 0 else f"ended (status {code})"
    return "killed"


@dataclass(slots=True)
class _Worker:
    release: Release
    choices: Choices
    suffix: str


_workers: list[_Worker] = []  # the one of this process


def _begin(model: Path, choices: Choices, suffix: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _workers.append(_Worker(load_release(model), choices, suffix))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_any([parent.sentinel])
        os._exit(1)


def _tag(chunk: Chunk) -> Part:
    worker = _workers[0]
    return tag_chunk(chunk, worker.release, worker.choices, worker.suffix)
