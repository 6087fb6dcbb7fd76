"""What a Dask cluster costs beside a pool of processes, and what finding near-duplicates takes. Part of `make bench`.

The same pages, tagged by two processes of the local engine and by a cluster of two workers on this machine, in turns; and
signatures of as many stories as an archive has, made up, of which a third repeat others. Prints lines; with --json objects.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from models.duplicates import N_PERMUTATIONS, WHOLE
from service.archive.chunks import Choices
from service.archive.repeats import find_repeats
from service.archive.run import Task, run
from service.archive.signatures import STORY, Signatures
from tests.archive.pages import write_pages
from tests.cluster import cluster

PAGES = 60_000
ROUNDS = 3
STORIES = (100_000, 1_000_000)
CHUNK = 2_000  # stories
ORIGINALS = 5_000  # of those that are repeated
BAR = 1.30


def overhead(folder: Path) -> dict[str, Any]:
    """Seconds of both engines, medians of rounds in turns, and the median of their ratios."""
    source = folder / "pages.jsonl"
    write_pages(source, PAGES)
    choices = Choices(chunk_bytes=1_000_000)
    seconds: dict[str, list[float]] = {"local": [], "dask": []}
    with cluster(folder) as made:
        for number in range(ROUNDS + 1):  # the first brings the model to the workers and counts for nothing
            for name, scheduler in (("local", None), ("dask", made.url)):
                begun = time.perf_counter()
                run(Task((str(source),), str(folder / f"{name}.jsonl"), choices, workers=2, scheduler=scheduler))
                if number:
                    seconds[name].append(time.perf_counter() - begun)
    ratio = statistics.median(there / here for here, there in zip(*seconds.values(), strict=True))
    row = {"benchmark": "dask_overhead", "pages": PAGES, "ratio": ratio, "bar": BAR, "held": ratio <= BAR}
    return row | {f"{name}_s": statistics.median(each) for name, each in seconds.items()}


def repeats(n: int) -> dict[str, Any]:
    """Seconds and memory of a process of its own."""
    shown = subprocess.run([sys.executable, "-m", "benchmarks.cluster", "--stories", str(n)], capture_output=True, check=True)
    return {"benchmark": "repeats", "stories": n, **json.loads(shown.stdout)}


def signatures(n: int) -> Iterator[bytes]:
    """The signatures of made-up stories, the same at every call. Of each chunk a third are others with some words changed."""
    originals = np.random.default_rng(1).integers(0, 2**32, (ORIGINALS, N_PERMUTATIONS), dtype=np.uint32)
    for start in range(0, n, CHUNK):
        chance = np.random.default_rng(start)
        stories = np.zeros(min(CHUNK, n - start), STORY)
        stories["row"], stories["segment"] = np.arange(len(stories)), WHOLE
        own = stories["signature"]
        own[:] = chance.integers(0, 2**32, own.shape, dtype=np.uint32)
        n_like = len(stories) // 3
        is_like = chance.random((n_like, N_PERMUTATIONS)) < 0.7
        own[:n_like] = np.where(is_like, originals[chance.integers(0, ORIGINALS, n_like)], own[:n_like])
        names = {row: f"https://news.example/{start}/{row}" for row in range(len(stories))}
        yield msgspec.msgpack.encode(Signatures(stories.tobytes(), names))


def _measure(n: int) -> None:
    begun = time.perf_counter()
    for _ in signatures(n):
        pass
    making = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        found = sum(map(len, find_repeats(lambda: signatures(n), Path(name))))
        seconds = time.perf_counter() - begun - 2 * making
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"found": found, "seconds": seconds, "peak_mb": int(status["VmHWM"].split()[0]) / 1024}))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        row = overhead(Path(name))
    _print("{pages:,} pages by two processes {local_s:.1f} s, by a cluster of two workers {dask_s:.1f} s: {ratio:.2f} ×", row)
    for n in STORIES:
        _print("near-duplicates of {stories:,} stories: {found:,} in {seconds:.0f} s, at most {peak_mb:.0f} MB", repeats(n))


def _print(form: str, row: dict[str, Any]) -> None:
    """A row as a line to read, or with --json as an object."""
    print(json.dumps(row) if "--json" in sys.argv[1:] else form.format(**row), flush=True)


if __name__ == "__main__":
    if "--stories" in sys.argv[1:]:
        _measure(int(sys.argv[-1]))
    else:
        main()
