"""A run that is killed again and again, and what it leaves, against one that nobody disturbs."""

import hashlib
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.archive.assembly import Output
from service.archive.journal import Journal
from tests.running import WIRETAG, wait_until

_LAST_WORDS = re.compile(r"([\d,]+) documents tagged(?: \(([\d,]+) before\))?, ([\d,]+) could not be used")


@dataclass(frozen=True)
class Run:
    """A command of `wiretag tag`, to be run as often as it takes."""

    source: Path
    out: str
    options: tuple[str, ...]

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start it."""
        command = [*WIRETAG, "tag", str(self.source), "-o", self.out, *self.options, *more]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def finish(self, *more: str) -> tuple[int, int, int]:
        """Run it to its end: documents, those that were tagged before, those that could not be used."""
        process = self.start(*more)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        found = _LAST_WORDS.search(said)
        assert found, said
        n_all, n_before, n_failed = (int((number or "0").replace(",", "")) for number in found.groups())
        return n_all, n_before, n_failed

    def done(self) -> tuple[int, int]:
        """Chunks and documents that the journal has as finished."""
        entries = Journal(Output.of(self.out, (), 1).work / "journal.jsonl").finished()
        return len(entries), sum(entry.n_documents for entry in entries.values())

    def kill(self, n_chunks: int, seconds: float, *more: str) -> int | None:
        """Run it until so many chunks are finished and some time went by, kill -9, and give how many documents were done.

        None if its output was there by then, which is only so when all of it is.
        """
        process = self.start(*more)
        self.lead(process, n_chunks)
        process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        below = children(process.pid)
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[1]
        assert process.returncode in {0, -signal.SIGKILL}, said
        wait_until(lambda: not any(map(_runs, below)), 60)
        return None if process.returncode == 0 or Path(self.out).exists() else self.done()[1]

    def lead(self, process: subprocess.Popen[str], n_chunks: int) -> None:
        """Let it run a few milliseconds at a time until so many chunks are finished, and have it stand still then.

        However fast the machine is, it is not past that point by much.
        """
        deadline = time.monotonic() + 3600
        while process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            if self.done()[0] >= n_chunks:
                return
            assert time.monotonic() < deadline
            process.send_signal(signal.SIGCONT)
            time.sleep(0.005)


def digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files."""
    sha = hashlib.sha256()
    for each in sorted(path.iterdir()) if path.is_dir() else [path]:
        sha.update(each.name.encode() if path.is_dir() else b"")
        with each.open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
    return sha.hexdigest()


def prove(whole: Run, killed: Run, *, n_chunks: int, n_kills: int, seed: int, say: Callable[[str], object]) -> None:
    """Assert that a run killed at random moments and resumed gives the same bytes, and that nothing was done twice.

    n_chunks: of the run to be killed, about.
    """
    rng = random.Random(seed)
    n_documents = whole.finish()[0]
    say(f"{n_documents:,} documents tagged without a stop")
    n_done: int | None = 0
    for number, moment in enumerate(sorted(rng.random() for _ in range(n_kills))):
        n_before = n_done
        n_done = killed.kill(round(moment * n_chunks), rng.random() / 100, *(["--resume"] if number else []))
        if n_done is None:
            break
        assert n_before <= n_done, "finished work was lost"
        say(f"killed when {n_done:,} documents were done")
    if n_done is not None:
        n_all, n_before, _ = killed.finish("--resume")
        assert (n_all, n_before) == (n_documents, n_done), "finished work was done again"
    assert digest(Path(killed.out)) == digest(Path(whole.out)), "the output differs"


def children(pid: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children(int(child))]
    except FileNotFoundError:
        pass
    return found


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
