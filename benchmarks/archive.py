"""Bulk tagging, part of `make bench`: `wiretag tag` against two plain scripts at the same archive, in one run.

One script is what a data scientist writes in an hour: multiprocessing around scikit-learn's pipeline of the very same model,
batches of 256. The other is our own kernel without the machinery: one process that reads a line, classifies, writes a line.
Figures are documents a second by the clock, and by CPU of all processes, in which other work on the machine shows less;
medians over rounds that take turns. Trust the ratios. With --scaling also how time and memory grow with the archive.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.naive import naive_pipeline
from benchmarks.texts import corpus, texts_of_the_wires_length
from models.pipeline import Document, Form, classify
from models.registry import Registry
from models.release import Release
from training.pages import compose

BATCH = 256
_FEW = 8
BARS = {"texts": {"against_scikit_learn": 15.0, "against_loop": 1 / 1.2}, "pages": {"against_loop": 1 / 1.2}}
WIRETAG = [sys.executable, "-c", "from models.cli import main; main()", "tag"]


@dataclass(frozen=True)
class Spent:
    """What a run took, all its processes together; memory is the most of any one of them, in MB."""

    seconds: float
    cpu: float
    memory: float


def run(command: list[str]) -> Spent:
    """Run a command to its end."""
    program = (
        "import ctypes, json, os, resource, subprocess, sys, time\n"
        "ctypes.CDLL(None).prctl(36, 1)\n"  # a subreaper: what the processes of processes used is counted, too
        "start = time.monotonic()\n"
        "status = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode\n"
        "try:\n"
        "    while True: os.wait()\n"
        "except ChildProcessError: pass\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))\n"
        "raise SystemExit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
    return Spent(*json.loads(done.stdout))


def write_archive(path: Path, documents: Iterator[str], n: int) -> None:
    """So many documents as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(itertools.islice(documents, n)):
            file.write(json.dumps({"document_id": f"d{number}", "text": text}, ensure_ascii=False) + "\n")


def script_of_sklearn(source: str, out: str, form: str, workers: int) -> None:
    """The plain script. What it writes is less than ours: ids and scores."""
    with open(source, "rb") as lines, open(out, "w", encoding="utf-8") as file, get_context("fork").Pool(workers) as pool:
        batches = iter(lambda: list(itertools.islice(lines, BATCH)), [])
        for rows in pool.imap(_predict, ((form, batch) for batch in batches)):
            file.writelines(rows)


@cache
def _models() -> tuple[Release, Any]:
    release = Registry().load_current()
    return release, naive_pipeline(release.scorer.weights)


def _predict(work: tuple[str, list[bytes]]) -> list[str]:
    """Texts are scored as they stand; pages are cut by our segmenter first, as scikit-learn has none."""
    form, lines = work
    release, pipeline = _models()
    rows = [json.loads(line) for line in lines]
    texts = [[row["text"]] for row in rows]
    if form == "page":
        texts = [[found.text(page) for found in release.segmenter.segment(page)] for (page,) in texts]
    scores = iter(pipeline.predict_proba([text for several in texts for text in several]).tolist())
    found = [[next(scores) for _ in several] for several in texts]
    return [json.dumps({"id": row["document_id"], "scores": each}) + "\n" for row, each in zip(rows, found, strict=True)]


def script_of_kernel(source: str, out: str, form: str) -> None:
    """Our own kernel in a loop: read, classify, write."""
    release = Registry().load_current()
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
    with open(source, "rb") as lines, open(out, "wb") as file:
        for line in lines:
            row = decode(line)
            file.write(encode(classify(release, Document(row["text"], Form(form), None, row["document_id"]))) + b"\n")


def systems(form: str, out: Path) -> dict[tuple[str, int], Callable[[Path], list[str]]]:
    """What is compared, and the processes it has: its command for an archive."""
    here = [sys.executable, "-m", "benchmarks.archive"]
    found: dict[tuple[str, int], Callable[[Path], list[str]]] = {
        ("kernel in a loop", 1): lambda path: [*here, "--script", "kernel", str(path), str(out), form, "1"]
    }
    for n in (1, 2):
        found["scikit-learn script", n] = lambda path, n=n: [*here, "--script", "sklearn", str(path), str(out), form, str(n)]
        found["wiretag tag", n] = lambda path, n=n: [
            *WIRETAG, str(path), "-o", str(out), "--as", form, "--workers", str(n),
            *(["--chunk-mb", "0.001"] if path.name.endswith(f"-{_FEW}.jsonl") else []),  # for all workers to start
        ]  # fmt: skip
    return found


def compare(folder: Path, form: str, documents: list[str], sizes: dict[str, int], rounds: int) -> Iterator[dict[str, Any]]:
    """Documents a second of every system. What a run over a few documents takes is taken off: it is the start."""
    out = folder / "out.jsonl"
    archives = {n: folder / f"{form}-{n}.jsonl" for n in {_FEW, *sizes.values()}}
    for n, path in archives.items():
        write_archive(path, itertools.cycle(documents), n)
    speeds: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for _ in range(rounds):
        for key, command in systems(form, out).items():
            n = sizes[key[0]]
            start, whole = run(command(archives[_FEW])), run(command(archives[n]))
            by_clock, by_cpu = (n - _FEW) / (whole.seconds - start.seconds), (n - _FEW) / (whole.cpu - start.cpu)
            speeds.setdefault(key, []).append((by_clock, by_cpu, whole.memory))
    medians = {key: [statistics.median(column) for column in zip(*rows, strict=True)] for key, rows in speeds.items()}
    for (name, n), (by_clock, by_cpu, memory) in medians.items():
        yield {
            "benchmark": f"archive of {form}s",
            "system": name,
            "workers": n,
            "documents_per_s": round(by_clock),
            "documents_per_cpu_s": round(by_cpu),
            "against_scikit_learn": round(by_cpu / medians["scikit-learn script", n][1], 2),
            "against_loop": round(by_cpu / medians["kernel in a loop", 1][1], 2),
            "memory_mb": round(memory),
        }
    for path in archives.values():
        path.unlink()


def scale(folder: Path, documents: list[str], sizes: list[int]) -> Iterator[dict[str, Any]]:
    """Time and memory against documents, two workers."""
    source, out = folder / "scale.jsonl", folder / "out.jsonl"
    for n in sizes:
        write_archive(source, itertools.cycle(documents), n)
        spent = run([*WIRETAG, str(source), "-o", str(out), "--workers", "2"])
        yield {
            "benchmark": "archive scaling",
            "documents": n,
            "seconds": round(spent.seconds, 1),
            "cpu_us_per_document": round(spent.cpu / n * 1e6, 1),
            "memory_mb": round(spent.memory),
        }


def _verdict(row: dict[str, Any]) -> str:
    """How `wiretag tag` stands against the bars."""
    if row["system"] != "wiretag tag":
        return ""
    missed = [name for name, bar in BARS[row["benchmark"].rpartition(" ")[2]].items() if row[name] < bar]
    return f"   MISSED: {', '.join(missed)}" if missed else "   bars held"


def show(row: dict[str, Any], as_json: bool) -> None:
    """Print a row."""
    if as_json:
        print(json.dumps(row), flush=True)
    elif "system" in row:
        print(
            f"{row['benchmark']:<18}{row['system']:<21}{row['workers']} worker{'s' * (row['workers'] > 1):<3}"
            f"{row['documents_per_s']:>9,} a second{row['documents_per_cpu_s']:>9,} a second of CPU"
            f"{row['against_scikit_learn']:>7.1f} × scikit-learn{row['against_loop']:>6.2f} × loop{row['memory_mb']:>6,} MB"
            f"{_verdict(row)}",
            flush=True,
        )
    else:
        print(
            f"{row['benchmark']:<18}{row['documents']:>12,} documents{row['seconds']:>9,.1f} s"
            f"{row['cpu_us_per_document']:>8.1f} µs of CPU each{row['memory_mb']:>6,} MB a process",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scaling", action="store_true", help="from 10 thousand to 5 million short documents; 2 GB of disk")
    parser.add_argument("--most", type=int, default=5_000_000, help="documents, with --scaling")
    parser.add_argument("--script", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.script:
        name, source, out, form, workers = options.script
        if name == "kernel":
            script_of_kernel(source, out, form)
        else:
            script_of_sklearn(source, out, form, int(workers))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.scaling:
            sentences = [segment.text[:300] for segment in corpus()]
            for row in scale(folder, sentences, [n for n in (10_000, 100_000, 1_000_000, 5_000_000) if n <= options.most]):
                show(row, options.json)
            return
        texts = {"scikit-learn script": 5_000, "kernel in a loop": 60_000, "wiretag tag": 60_000}
        for row in compare(folder, "text", texts_of_the_wires_length(), texts, options.rounds):
            show(row, options.json)
        pages = ["\n".join(page.lines) for page in compose(corpus(), 500, 1)]
        for row in compare(folder, "page", pages, dict.fromkeys(texts, 3_000), options.rounds):
            show(row, options.json)


if __name__ == "__main__":
    main()
