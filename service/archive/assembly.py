"""Parts to the output, in the order of the input, whole or not at all.

Until the end everything lies in a hidden folder beside the output: `journal.jsonl`, `parts/` with what is in order already, and
a file for each part that waits for one before it. Only the process that runs the engine writes here.
"""

import fcntl
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import InputError
from service.archive import parts, places
from service.archive.chunks import Chunk
from service.archive.journal import Entry, Journal, sound_entries
from service.archive.marking import are_sound, mark
from service.archive.parts import Part

_FILE_BYTES = 256_000_000  # of input that a file of a folder stands for


@dataclass(slots=True)
class Output:
    """Where results go: a file, or (`is_folder`) a folder of part files."""

    path: Path
    suffix: str
    is_folder: bool
    keep: tuple[str, ...]
    chunk_bytes: int
    dedupe: bool = False

    @classmethod
    def of(cls, path: str, keep: tuple[str, ...], chunk_bytes: int, dedupe: bool = False) -> "Output":
        """The output that a name asks for: a folder where it ends in `/` or is one. Raises `InputError`."""
        if places.is_url(path):
            raise InputError(
                f"{places.shown(path)}: results are put together on a disk; name a file here, and copy it there after"
            )
        target = Path(path)
        return cls(target, parts.format_of(path), path.endswith("/") or target.is_dir(), keep, chunk_bytes, dedupe)

    @property
    def work(self) -> Path:
        """Where everything lies until it is whole."""
        return self.path.with_name(f".{self.path.name}.wiretag")

    @property
    def finishing(self) -> Path:
        """Names what in the working folder is about to become the output."""
        return self.work / "finishing"

    def is_complete(self) -> bool:
        """Whether a run came to its end here, be it that it was killed right after."""
        if not self._is_there():
            return False
        if not (self.work / "journal.jsonl").exists():
            return True
        return self.finishing.exists() and not (self.work / self.finishing.read_text(encoding="utf-8")).exists()

    def check_free(self) -> None:
        """Raise `InputError` for a folder that holds something. A file is replaced by the new one once that is whole."""
        if self.is_folder and self._is_there():
            raise InputError(f"{self.path}: there is something already; remove it, or name another folder")

    def _is_there(self) -> bool:
        return any(self.path.iterdir()) if self.path.is_dir() else self.path.exists()

    def body(self, index: int) -> Path:
        """The file that a chunk's bytes go to. Parquet files cannot be strung together: each is a chunk's own."""
        if self.suffix == ".parquet":
            number = index
        elif self.is_folder:
            number = index // max(1, _FILE_BYTES // self.chunk_bytes)
        else:
            number = 0
        return self.work / "parts" / f"part-{number:06d}{self.suffix}"

    def stories(self, index: int) -> Path:
        """The file of the signatures of a chunk's stories."""
        return self.work / "stories" / str(index)

    def own(self, index: int) -> Path:
        """The file of a chunk that waits for one before it."""
        return self.work / f"waiting-{index}"


@dataclass(slots=True)
class Assembly:
    """The output of a run in the making."""

    output: Output
    done: dict[int, Entry] = field(default_factory=dict)
    n_placed: int = 0
    n_documents: int = 0
    n_failed: int = 0  # of them could not be used
    _journal: Journal = field(init=False)
    _n_seen: int = 0  # chunks of the plan that were asked for

    def __post_init__(self) -> None:
        self._journal = Journal(self.output.work / "journal.jsonl")

    def begin(self, task: dict[str, Any], resume: bool) -> None:
        """Start anew, or with what an earlier run of the same task left. Raises `InputError` for another task."""
        work = self.output.work
        found = self._journal.read(task) if resume else {}
        if self.output.dedupe:
            found = {index: entry for index, entry in found.items() if are_sound(self.output, entry)}
        last = max(found, default=-1)
        places = ((index, self.output.body(index), self.output.own(index)) for index in range(last + 1))
        self.done = {entry.chunk: entry for entry in sound_entries(found, places)}
        while (entry := self.done.get(self.n_placed)) and entry.placed:
            self.n_placed += 1
        self.n_documents = sum(entry.n_documents for entry in self.done.values())
        self.n_failed = sum(entry.n_failed for entry in self.done.values())
        self._clear(work)
        for name in ("parts", "stories"):
            (work / name).mkdir(exist_ok=True)
        self._journal.begin(task, list(self.done.values()))
        with writing(self.output):
            self._place_waiting()

    def has(self, chunk: Chunk) -> bool:
        """Whether a chunk is finished. Raises `InputError` if its input is no longer what it was."""
        self._n_seen = max(self._n_seen, chunk.index + 1)
        entry = self.done.get(chunk.index)
        if entry is None:
            return False
        if entry.identity != chunk.identity():
            raise InputError(f"{chunk.name}: changed since the run began; restore it, or start anew without --resume")
        return True

    def keep(self, part: Part) -> None:
        """Take a part, in any order. Once this returns it survives a kill. Raises `InputError` where it cannot be written."""
        entry = Entry(
            *(part.index, part.identity, part.n_documents, part.n_failed, len(part.body), zlib.crc32(part.body)),
            placed=False,
            stories=zlib.crc32(part.stories),
        )
        self.n_documents += part.n_documents
        self.n_failed += part.n_failed
        with writing(self.output):
            if self.output.dedupe:
                self.output.stories(part.index).write_bytes(part.stories)
            if part.index == self.n_placed:
                self._place(entry, part.body)
                self._place_waiting()
            else:
                aside = self.output.work / "new"
                aside.write_bytes(part.body)
                aside.replace(self.output.own(part.index))
                self._note(entry)

    def finish(self) -> None:
        """Give the output its name. Raises `InputError` if inputs are gone that were tagged before, or it cannot be written."""
        if self._n_seen != len(self.done):
            raise InputError(f"{self.output.path}: the inputs are fewer than when the run began; start anew without --resume")
        with writing(self.output):
            folder = self.output.work / "parts"
            if self.output.dedupe:
                folder = mark(self.output, [self.done[index] for index in range(len(self.done))])
            bodies = sorted(folder.iterdir())
            whole = folder if self.output.is_folder else self._single(bodies)
            for path in bodies if self.output.is_folder else [whole]:
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            if self.output.is_folder and self.output.path.is_dir():
                self.output.path.rmdir()  # empty, or this fails
            self.output.finishing.write_text(whole.relative_to(self.output.work).as_posix(), encoding="utf-8")
            whole.replace(self.output.path)

    def _single(self, bodies: list[Path]) -> Path:
        if self.output.suffix == ".parquet":
            target = self.output.work / "whole"
            parts.merge(bodies, target, self.output.keep)
            return target
        if not bodies:
            (self.output.work / "whole").touch()
        return bodies[0] if bodies else self.output.work / "whole"

    def _place_waiting(self) -> None:
        """Place the chunks whose turn has come, those of a run that was killed right here too: nobody tags them again."""
        while waiting := self.done.get(self.n_placed):
            own = self.output.own(waiting.chunk)
            self._place(waiting, own.read_bytes())
            own.unlink()

    def _place(self, entry: Entry, body: bytes) -> None:
        if body:
            with self.output.body(entry.chunk).open("ab") as file:
                file.write(body)
        entry.placed = True
        self._note(entry)
        self.n_placed += 1

    def _note(self, entry: Entry) -> None:
        self._journal.add(entry)
        self.done[entry.chunk] = entry

    def _clear(self, work: Path) -> None:
        """Remove what no entry stands for: the end of a file that was being written, and files that nobody knows."""
        sizes: dict[Path, int] = {}
        for entry in self.done.values():
            path = self.output.body(entry.chunk) if entry.placed else self.output.own(entry.chunk)
            sizes[path] = sizes.get(path, 0) + entry.size
        shutil.rmtree(work / "marked", ignore_errors=True)
        for path in [
            *work.glob("parts/*"),
            *work.glob("waiting-*"),
            *work.glob("new"),
            *work.glob("whole"),
            *work.glob("finishing"),
        ]:
            if path in sizes:
                os.truncate(path, sizes[path])
            else:
                path.unlink()


@contextmanager
def assembling(output: Output) -> Iterator[Assembly]:
    """The assembly of an output that no other run works on. What is done stays for `--resume` unless the run ended well.

    Raises `InputError` where the output cannot be written, or another run is at it.
    """
    with writing(output):
        output.work.mkdir(exist_ok=True)
        lock = (output.work / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{output.path}: another run writes to it; wait for its end, or name another output") from None
        assembly = Assembly(output)
        try:
            yield assembly
        except BaseException:
            if not assembly.done:
                shutil.rmtree(output.work, ignore_errors=True)
            raise
        shutil.rmtree(output.work, ignore_errors=True)


@contextmanager
def writing(output: Output) -> Iterator[None]:
    """Turns what goes wrong with the output into an `InputError` that names it."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # pyarrow's own words are long
        raise InputError(f"{output.path}: cannot be written ({reason}); make room or name another place") from None
