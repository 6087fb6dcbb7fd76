"""Scoring and cutting against scikit-learn's pipeline of the very same model, in one run: `make bench`.

Prints a table of medians over several rounds, in microseconds of CPU a document; with --json one object a line. Trust the
ratios, not the times.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.naive import naive_pipeline
from benchmarks.texts import texts_of_the_wires_length
from models.registry import Registry
from models.release import Release

ROUNDS = 5
BATCH = 256


def median_us(work: Callable[[], object], n: int) -> float:
    """Median CPU time of `work` over the rounds, in microseconds for each of its `n` documents."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) / n * 1e6)
    return statistics.median(times)


def _cut_and_score(release: Release, page: str) -> None:
    release.scorer.score_many([found.text(page) for found in release.segmenter.segment(page)])


def main() -> None:
    """Measure and print."""
    release = Registry().load_current()
    texts = texts_of_the_wires_length()
    pipeline = naive_pipeline(release.scorer.weights)
    alone = texts[:200]
    pages = ["\n".join(texts[start : start + 4])[:8192] for start in range(0, len(texts), 4)]
    rows = [
        ("scikit-learn, one document", median_us(lambda: [pipeline.predict_proba([text]) for text in alone], len(alone))),
        ("wiretag, one document", median_us(lambda: [release.scorer.score(text) for text in alone], len(alone))),
        ("scikit-learn, batches of 256", median_us(lambda: pipeline.predict_proba(texts[:BATCH]), BATCH)),
        ("wiretag, batches of 256", median_us(lambda: release.scorer.score_many(texts[:BATCH]), BATCH)),
        ("scikit-learn, an 8 KB page", median_us(lambda: [pipeline.predict_proba([page]) for page in pages], len(pages))),
        ("wiretag, an 8 KB page", median_us(lambda: [release.scorer.score(page) for page in pages], len(pages))),
        (
            "wiretag, an 8 KB page cut and scored",
            median_us(lambda: [_cut_and_score(release, page) for page in pages], len(pages)),
        ),
    ]
    base = 0.0
    for name, value in rows:
        base = value if name.startswith("scikit-learn") else base  # each is told against the one that stands above it
        ratio = base / value
        if "--json" in sys.argv[1:]:
            print(json.dumps({"benchmark": name, "us_per_document": round(value, 1), "against_scikit_learn": round(ratio, 2)}))
        else:
            print(f"{name:<40}{value:>10.0f} µs{ratio:>8.1f} ×")


if __name__ == "__main__":
    main()
