"""What counting costs a request: `make bench`.

Prints medians over several rounds in microseconds of the counting thread's CPU; with --json one object a line. A request is its
answer (route, status, time, and being under way) and the results of its documents.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.serving import ROUNDS
from benchmarks.texts import texts_of_the_wires_length
from models.pipeline import Document, classify
from models.registry import Registry
from service.counts import Counts
from service.metrics import Metrics

N_TEXTS = 512
BATCH = 64


def median_us(work: Callable[[], object], n: int) -> float:
    """Median CPU time of this thread over the rounds, in microseconds for each of `n`."""
    times = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        work()
        times.append((time.thread_time() - start) / n * 1e6)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    release = Registry().load_current()
    texts = texts_of_the_wires_length()[:N_TEXTS]
    results = [classify(release, Document(text)) for text in texts]
    counted = Metrics(Counts(2))
    app: Any = SimpleNamespace(wsgi_app=lambda *_: [b""])
    bare = app.wsgi_app
    counted.init_app(app, 24)

    def requests(serve: Callable[..., Any], *, is_counted: bool) -> None:
        for _ in results:
            answer = serve({}, None)
            if is_counted:
                counted.request("/classify", "POST", 200, 0.002)
                answer.close()

    def documents(size: int) -> None:
        for start in range(0, len(results), size):
            counted.results(results[start : start + size])

    answered = median_us(lambda: requests(app.wsgi_app, is_counted=True), len(results))
    answered -= median_us(lambda: requests(bare, is_counted=False), len(results))
    one = median_us(lambda: documents(1), len(results))
    rows = [
        ("counting a request of one document", answered + one),
        (f"counting a document among {BATCH}", median_us(lambda: documents(BATCH), len(results))),
        ("GET /metrics, all of it", median_us(lambda: _expose(counted, release), 1)),
    ]
    for name, value in rows:
        if "--json" in sys.argv[1:]:
            print(json.dumps({"benchmark": name, "us": round(value, 2)}))
        else:
            print(f"{name:<36}{value:>10.1f} µs")


def _expose(counted: Metrics, release: Any) -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    from service.exposition import Exposition

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(counted, release))
    generate_latest(registry)


if __name__ == "__main__":
    main()
