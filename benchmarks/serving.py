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
        ("wiretag, an 8 KB page uncut", median_us(lambda: [release.scorer.score(page) for page in pages], len(pages))),
        (
            "wiretag, cutting an 8 KB page",
            median_us(lambda: [release.segmenter.segment(page) for page in pages], len(pages)),
        ),
    ]
    base = {"one": rows[0][1], "bat": rows[2][1]}
    for name, value in rows:
        ratio = base["bat" if "batches" in name else "one"] / value
        if "--json" in sys.argv[1:]:
            print(json.dumps({"benchmark": name, "us_per_document": round(value, 1), "against_scikit_learn": round(ratio, 2)}))
        else:
            print(f"{name:<36}{value:>10.0f} µs{ratio:>8.1f} ×")


if __name__ == "__main__":
    main()
