"""How fitting grows: time and peak memory of `wiretag train` from 10,000 to 2 million segments, in memory and streamed.

    python -m benchmarks.scale [--segments N]… [--only FIT]… [--most-mb MB] [--rows FILE]
    python -m benchmarks.scale --draw [FOLDER]

`make bench-scale`; takes hours and some 8 GB of disk. Segments are made of the sentences of the corpus, mixed among stories of
the same topics, with coined names so that the vocabulary goes on growing as that of news does. A fit is a process of its own;
its memory is that of all its processes (PSS), looked at five times a second, and it is ended when it passes `--most-mb`. Rows
go to `--rows` as JSON lines, from which `--draw` makes the pictures of docs/scale.md and the exponents of growth.
"""

import argparse
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import ROOT, WIRETAG, children, cpu_seconds, pss
from benchmarks.svg import Line, chart, short
from benchmarks.texts import corpus
from training.corpus import Segment

DOCS = ROOT / "docs"
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
FITS = {"in memory": "--no-streamed", "streamed": "--streamed"}
MOST_MB = 6_000
MOST_NAMES = 5_000_000  # that could be coined
SYLLABLES = [a + b for a in ("b", "d", "f", "gr", "k", "l", "m", "n", "r", "st", "t", "v") for b in "aeiou"]
SEED = 7
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def synthetic(n_segments: int) -> Iterator[dict[str, Any]]:
    """Labelled segments, each a story of its own; the first ones of many are those of few."""
    rng = random.Random(SEED)
    alike: dict[frozenset[str], list[Segment]] = defaultdict(list)
    segments = corpus()
    for segment in segments:
        alike[segment.topics].append(segment)
    sentences = {segment.id: SENTENCE.split(segment.text) for segment in segments}
    for number in range(n_segments):
        first = rng.choice(segments)
        pool = [each for other in rng.choices(alike[first.topics], k=2) for each in sentences[other.id]]
        own = sentences[first.id]
        mixed = [rng.choice(pool) if rng.random() < 0.5 else each for each in own]
        names = [_name(rng) for _ in range(3)]
        mixed = [f"{each} {rng.choice(names)} agreed." if rng.random() < 0.3 else each for each in mixed]
        yield {
            "id": f"s{number}",
            "headline": first.headline,
            "text": " ".join(mixed),
            "topics": sorted(first.topics),
            "group": f"s{number}",
        }


def _name(rng: random.Random) -> str:
    """A coined name: the i-th is as frequent as 1 / i."""
    number = int(math.exp(rng.random() * math.log(MOST_NAMES)))
    name = ""
    while number:
        number, syllable = divmod(number, len(SYLLABLES))
        name += SYLLABLES[syllable]
    return name.capitalize() + "sky"


def write_corpus(path: Path, n_segments: int) -> None:
    """Write the corpus of a size, one segment at a time."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in synthetic(n_segments))


def measure(fit: str, path: Path, most_mb: float) -> dict[str, Any]:
    """One fit of a corpus: seconds, CPU seconds, peak MB; `ended` where it was stopped for its memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*WIRETAG, "train", FITS[fit], "--corpus", str(path), "--registry", folder, "--no-activate"]
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cpu: dict[int, float] = {}
        peak = 0.0
        ended = False
        while process.poll() is None:
            held = 0.0
            for pid in [process.pid, *_children(process.pid)]:
                try:
                    held += pss(pid)
                    cpu[pid] = cpu_seconds(pid)
                except (OSError, IndexError):  # gone meanwhile
                    continue
            peak = max(peak, held)
            if held > most_mb and not ended:
                ended = True
                process.kill()
            time.sleep(0.2)
        seconds = time.monotonic() - started
        if process.returncode and not ended:
            raise SystemExit(f"{fit}: ended with status {process.returncode}; run {' '.join(command)}")
    return {"seconds": round(seconds, 1), "cpu_seconds": round(sum(cpu.values()), 1), "peak_mb": round(peak), "ended": ended}


def _children(pid: int) -> list[int]:
    try:
        return children(pid)
    except OSError:
        return []


def exponent(points: list[tuple[float, float]]) -> float:
    """The b of y = a · x^b through points."""
    xs, ys = np.log(np.array(points)).T
    return float(np.polyfit(xs, ys, 1)[0])


def draw(rows: Path, folder: Path) -> None:
    """Pictures and exponents of the fits that went to their end."""
    found = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    for figure, title, unit in (
        ("cpu_seconds", "Time of a fit by number of segments", "seconds of CPU"),
        ("peak_mb", "Peak memory of a fit by number of segments", "MB"),
    ):
        lines = []
        for fit in FITS:
            points = sorted((row["segments"], row[figure]) for row in found if row["fit"] == fit and not row["ended"])
            lines.append(Line(fit, points))
            if len(points) > 1:
                print(f"{figure:<12}{fit:<10} grows with the power {exponent(points):.2f} of the number of segments")
        ticks = sorted({x for line in lines for x, _ in line.points})
        name = f"scale-{'time' if figure == 'cpu_seconds' else 'memory'}.svg"
        (folder / name).write_text(chart(title, "segments", unit, lines, ticks), encoding="utf-8")


def main() -> None:
    """Measure, or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, action="append", help="of these sizes alone")
    parser.add_argument("--only", action="append", choices=FITS, help="these fits alone")
    parser.add_argument("--most-mb", type=float, default=MOST_MB, help="of memory, from which on a fit is ended")
    parser.add_argument("--rows", type=Path, default=DOCS / "scale.jsonl", help="the file that rows are added to")
    parser.add_argument("--draw", type=Path, nargs="?", const=DOCS, help="draw what was measured into a folder (docs)")
    options = parser.parse_args()
    if options.draw:
        draw(options.rows, options.draw)
        return
    too_much: set[str] = set()
    for size in options.segments or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "segments.jsonl"
            write_corpus(path, size)
            for fit in options.only or FITS:
                if fit in too_much:
                    continue
                row = {"benchmark": "scale", "fit": fit, "segments": size, "megabytes": round(path.stat().st_size / 1e6)}
                row |= measure(fit, path, options.most_mb)
                if row["ended"]:
                    too_much.add(fit)
                with options.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                told = f"ended at {row['peak_mb']:,} MB" if row["ended"] else f"{row['peak_mb']:,} MB at most"
                print(f"{fit:<10}{short(size):>6} segments: {row['seconds']:,} s, {row['cpu_seconds']:,} s of CPU, {told}")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
