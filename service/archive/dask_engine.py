"""The engine of a cluster: Dask distributed. Parts are the same bytes as this machine's own, whoever makes them.

A task reads its chunk where it lies, or is sent its bytes if they come from a stream. The model is a task of its own, so that
Dask brings its files to each worker once, and makes them anew if those that held them are lost.
"""

import hashlib
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models import kernels
from models.errors import InputError, WiretagError
from models.release import Release, load_release, read_manifest
from service.archive.chunks import Choices, Chunk
from service.archive.parts import Part
from service.archive.places import is_url
from service.archive.tagging import tag_chunk

_AHEAD = 2  # chunks a thread of the cluster that are read or wait for it: what bounds memory
_RETRIES = 2  # of a chunk that failed; one whose worker was lost is done again in any case
_TIMEOUT = 30  # seconds to find the scheduler and a worker


@dataclass(frozen=True, slots=True)
class Model:
    """A release's files by name, and the program that reads them: versions and kernels that differ could differ in results."""

    files: dict[str, bytes]
    program: tuple[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which has those of all other files."""
        return hashlib.sha256(self.files["manifest.json"]).hexdigest()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The engine of the workers of a scheduler. Parts come in the order they are finished.

    scheduler: its address, such as `tcp://10.0.0.5:8786`; folder: that of the release.
    """

    scheduler: str
    folder: Path
    choices: Choices
    suffix: str

    def __call__(self, chunks: Iterable[Chunk]) -> Iterator[Part]:
        """The parts of chunks. Raises `WiretagError` for what the local engine raises it for, and if the cluster fails."""
        model = read_model(self.folder)
        with _connected(self.scheduler) as client:
            shipped = client.submit(Model, model.files, model.program, key=f"wiretag-model-{model.digest}", retries=_RETRIES)
            try:
                yield from self._work(client, shipped, iter(chunks))
            finally:
                del shipped

    def _work(self, client: Any, model: Any, chunks: Iterator[Chunk]) -> Iterator[Part]:
        from distributed import KilledWorker, as_completed
        from distributed.client import FutureCancelledError

        running = as_completed(loop=client.loop)
        pending: dict[Any, Chunk] = {}
        fault: WiretagError | None = None
        while True:
            n_threads = client.scheduler_info(n_workers=1)["total_threads"]
            while fault is None and len(pending) < _AHEAD * max(1, n_threads):
                try:
                    chunk = next(chunks, None)
                except WiretagError as error:  # what was read before it is tagged first
                    fault = error
                    break
                if chunk is None:
                    break
                _check_places(chunk)
                future = client.submit(_tag, chunk, model, self.choices, self.suffix, pure=False, retries=_RETRIES)
                pending[future] = chunk
                running.add(future)
            if not pending:
                break
            future = next(running)
            chunk = pending.pop(future)
            try:
                part = future.result()
            except KilledWorker:
                raise WiretagError(
                    f"{chunk.name}: workers were lost over it again and again; if memory ran out, "
                    "give them more, or use a smaller --chunk-mb"
                ) from None
            except FutureCancelledError:
                raise WiretagError(f"{self.scheduler}: the scheduler is gone; start it again") from None
            future.release()
            yield part
        if fault is not None:
            raise fault


def read_model(folder: Path) -> Model:
    """The files of a release. Raises `ReleaseError`."""
    names = ["manifest.json", *read_manifest(folder)["files"]]
    return Model({name: (folder / name).read_bytes() for name in names}, _program())


def _program() -> tuple[str, str]:
    return version("wiretag"), kernels.name()


def _check_places(chunk: Chunk) -> None:
    """Raise `InputError` for a file that a worker could not find."""
    for file in chunk.files if chunk.data is None else ():
        if not is_url(file.path) and not Path(file.path).is_absolute():
            raise InputError(f"{file.path}: workers read it themselves; name it in full, at a place that all of them see")


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """A client of a scheduler that has workers. Raises `InputError`."""
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise InputError("--engine dask needs Dask; install it with `pip install 'wiretag[cluster]'`") from None
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):  # a chunk of a stream brings its bytes
        try:
            client = Client(scheduler, timeout=_TIMEOUT, set_as_default=False, name="wiretag")
        except (OSError, ValueError) as error:
            raise InputError(f"{scheduler}: no Dask scheduler answers here ({error})") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=_TIMEOUT)
            except TimeoutError:
                raise InputError(
                    f"{scheduler}: the scheduler has no workers; start some with `dask worker {scheduler}`"
                ) from None
            yield client


_loading = threading.Lock()


def _tag(chunk: Chunk, model: Model, choices: Choices, suffix: str) -> Part:
    with _loading:  # the threads of a worker share one release
        release = _release(_Shipped(model))
    return tag_chunk(chunk, release, choices, suffix)


class _Shipped:
    """A model by its digest, for the cache."""

    def __init__(self, model: Model):
        self.model = model
        self.digest = model.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shipped) and self.digest == other.digest


@lru_cache(maxsize=2)
def _release(shipped: _Shipped) -> Release:
    """The release, loaded once in each process. Raises `WiretagError` where this process is another program."""
    theirs = shipped.model.program
    if theirs != _program():
        ours = " with the kernel ".join(_program())
        raise WiretagError(
            f"a worker runs Wiretag {ours}, this run {' with the kernel '.join(theirs)}; install the same everywhere"
        )
    with tempfile.TemporaryDirectory(prefix="wiretag-model-") as place:
        for name, content in shipped.model.files.items():
            (Path(place) / name).write_bytes(content)
        return load_release(Path(place))
