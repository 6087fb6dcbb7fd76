"""How scoring grows: documents a second against batch size, text length, vocabulary and workers, drawn to `docs/curves-*.svg`.

    python -m benchmarks.curves [--only NAME]… [--seconds N] [--into FOLDER] [--json]

`make bench-curves`. The compiled kernel, the reference in numpy and scikit-learn's pipeline have the same weights; texts are
made of the corpus, those for large vocabularies of the word lists of the wordfreq package. The first three curves count CPU
time in one process (the median of several rounds), the last real time over HTTP with 64 texts a request (needs wrk).
"""

import argparse
import itertools
import json
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wordfreq import top_n_list

from benchmarks import http
from benchmarks.load import NotServedError, ask, free_port, need_wrk, serving
from benchmarks.naive import naive_pipeline
from benchmarks.svg import Line, chart, short
from benchmarks.texts import texts_of_the_wires_length
from models import kernels
from models.registry import Registry
from models.scorer import Scorer, Weights

DOCS = Path(__file__).resolve().parents[1] / "docs"
ROUNDS = 5
BATCHES = (1, 4, 16, 64, 256, 1024)
LENGTHS = (200, 1_000, 4_000, 16_000, 64_000, 250_000, 1_000_000)  # bytes
VOCABULARIES = (10_000, 30_000, 100_000, 200_000, 500_000)  # words
WORKERS = (1, 2, 4)
LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "fi", "nl")  # until there are words enough
SEED = 5
NAMES = ("compiled kernel", "numpy", "scikit-learn")
SPEED = "documents a second"

Score = Callable[[list[str]], object]
Points = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Curve:
    """A picture: what it shows, against what, and how it is measured (given the seconds that a point may take)."""

    title: str
    x_title: str
    ticks: tuple[float, ...]
    measure: Callable[[float], Points]


@contextmanager
def kernel(name: str) -> Iterator[None]:
    """Make scorers with this kernel: `compiled` or `reference`."""
    before = os.environ.pop(kernels.ENVIRONMENT, None)
    if name == "reference":
        os.environ[kernels.ENVIRONMENT] = name
    try:
        yield
    finally:
        os.environ.pop(kernels.ENVIRONMENT, None)
        if before is not None:
            os.environ[kernels.ENVIRONMENT] = before


def scorers(weights: Weights) -> dict[str, Score]:
    """The three that are compared; without the compiled one where it could not be built."""
    found: dict[str, Score] = {}
    for name, of in zip(NAMES, ("compiled", "reference"), strict=False):
        with kernel(of):
            if kernels.name() == of:
                found[name] = Scorer(weights).score_many
    return {**found, NAMES[-1]: naive_pipeline(weights).predict_proba}


def documents_per_second(score: Score, texts: list[str], batch: int, seconds: float) -> float:
    """Of CPU time: the median of rounds in which texts are scored in batches, over and over until the round's time is up."""
    batches = [list(itertools.islice(itertools.cycle(texts), at, at + batch)) for at in range(0, max(len(texts), batch), batch)]
    score(batches[0])
    speeds = []
    for _ in range(ROUNDS):
        start, n = time.process_time(), 0
        for each in itertools.cycle(batches):
            score(each)
            n += batch
            if (spent := time.process_time() - start) >= seconds / ROUNDS:
                break
        speeds.append(n / spent)
    return statistics.median(speeds)


def by_batch(seconds: float) -> Points:
    """Against documents a call."""
    texts = texts_of_the_wires_length()
    return {
        name: [(batch, documents_per_second(score, texts, batch, seconds)) for batch in BATCHES]
        for name, score in scorers(Registry().load_current().scorer.weights).items()
    }


def by_length(seconds: float) -> Points:
    """Against bytes a text, one text a call."""
    every = "\n".join(texts_of_the_wires_length())
    texts = {n: [every[at : at + n] for at in range(0, min(len(every) - n, 64 * n) + 1, n)] for n in LENGTHS}
    return {
        name: [(n, documents_per_second(score, texts[n], 1, seconds)) for n in LENGTHS]
        for name, score in scorers(Registry().load_current().scorer.weights).items()
    }


def by_vocabulary(seconds: float) -> Points:
    """Against words of the vocabulary, 64 texts of 700 words a call; as in prose, few words make up most of a text."""
    words = _words(VOCABULARIES[-1])
    found: Points = {}
    for size in VOCABULARIES:
        rng = np.random.default_rng(SEED)
        texts = [" ".join(words[i] for i in _zipf(rng, size, 700)) for _ in range(256)]
        for name, score in scorers(_weights(words[:size], rng)).items():
            found.setdefault(name, []).append((size, documents_per_second(score, texts, 64, seconds)))
    return found


def by_workers(seconds: float) -> Points:
    """Against workers, 64 texts a request over HTTP."""
    need_wrk()
    call = http.calls()[64]
    found: Points = {}
    for name, app, of in zip(NAMES, ("wiretag", "wiretag", "naive"), ("compiled", "reference", "compiled"), strict=True):
        for n in WORKERS:
            port = free_port()
            with kernel(of), serving(http.command(app, port, n), port, call) as pid:
                ask(pid, port, call, 1)  # until all its workers are there,
                time.sleep(1)  # and what was under way is done
                found.setdefault(name, []).append((n, ask(pid, port, call, max(2, round(4 * seconds))).documents))
    return found


def _words(n: int) -> list[str]:
    """Distinct words of several languages, frequent ones first."""
    word = re.compile(r"\w\w+")
    lists = (top_n_list(language, n) for language in LANGUAGES)
    found = dict.fromkeys(each for words in lists for each in words if word.fullmatch(each) and each.lower() == each)
    if len(found) < n:
        raise SystemExit(f"wordfreq knows {len(found):,} words, {n:,} are needed")
    return list(found)[:n]


def _zipf(rng: np.random.Generator, n_words: int, size: int) -> list[int]:
    """Indices of words of which the i-th is as frequent as 1 / i."""
    places = np.exp(rng.random(size) * np.log(n_words + 1))
    return (places.astype(np.int64).clip(1, n_words) - 1).tolist()


def _weights(words: list[str], rng: np.random.Generator) -> Weights:
    """Random weights for words and half as many pairs of neighbours in frequency, five topics."""
    n_pairs = len(words) // 2
    pairs = np.unique(np.column_stack([_zipf(rng, len(words), n_pairs), _zipf(rng, len(words), n_pairs)]), axis=0)
    n = len(words) + len(pairs)
    idf, coef = ((1 + 9 * rng.random(n)).astype(np.float32), (rng.random((n, 5)) - 0.5).astype(np.float32))
    kinds = np.full(len(words), -1, np.int32)
    return Weights(words, pairs.astype(np.int32), kinds, idf.astype(np.float64), coef.astype(np.float64), np.zeros(5))


CURVES = {
    "batch": Curve("Scoring texts of 2 to 6 KB by batch size", "texts a call", BATCHES, by_batch),
    "length": Curve("Scoring one text by its length", "bytes of the text", LENGTHS[::2], by_length),
    "vocabulary": Curve("Scoring texts of 700 words by vocabulary", "words the model knows", VOCABULARIES, by_vocabulary),
    "workers": Curve("64 texts a request over HTTP by workers", f"workers, on {os.cpu_count()} cores", WORKERS, by_workers),
}


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=CURVES, help="these curves alone")
    parser.add_argument("--seconds", type=float, default=1.0, help="of CPU for a point, at least one call a round")
    parser.add_argument("--into", type=Path, default=DOCS, help="the folder of the pictures (docs)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for name in options.only or CURVES:
        curve = CURVES[name]
        try:
            points = curve.measure(options.seconds)
        except NotServedError as error:
            raise SystemExit(f"{name}: {error}") from None
        lines = [Line(of, found) for of, found in points.items()]
        path = options.into / f"curves-{name}.svg"
        path.write_text(chart(curve.title, curve.x_title, SPEED, lines, curve.ticks), encoding="utf-8")
        for line in lines:
            for x, y in line.points:
                if options.json:
                    row = {"benchmark": f"curve by {name}", "system": line.name, "x": x, "documents_per_s": round(y, 2)}
                    print(json.dumps(row), flush=True)
                else:
                    print(f"{name:<11}{line.name:<17}{short(x):>6}{y:>14,.1f} documents/s", flush=True)


if __name__ == "__main__":
    main()
