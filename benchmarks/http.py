"""The service against an echo and a naive service over HTTP, all under gunicorn: `make bench-http`.

Needs wrk. The service runs as `wiretag serve` has it, the others under gunicorn's own gthread (two workers of four threads,
preloaded); wrk asks each on a loopback port for SECONDS with eight connections, ROUNDS times in turn, and medians are compared.
Prints documents a second, latency at the median and at 99 %, CPU a document, and the memory of the workers (PSS: shared pages
counted in parts); with --json one object a line.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import Flask, Response, request

from benchmarks.load import Answered, Call, ask, children, free_port, median, need_wrk, pss, serve_command, serving
from benchmarks.texts import text_of_a_wire, texts_of_the_wires_length
from models.registry import Registry

SECONDS = 4
ROUNDS = 3
APPS = ("echo", "naive", "wiretag")
ANSWER = {"document_id": None, "model_version": "echo", "topics": [], "none": True, "segments": [], "warnings": []}


def echo() -> Flask:
    """The least that a Flask app can do with a request: read its JSON and give JSON back."""
    app = Flask("echo")

    @app.post("/classify")
    def post() -> Response:
        json.loads(request.get_data())
        return Response(json.dumps(ANSWER), content_type="application/json")

    return app


def naive() -> Flask:
    """What most people write: scikit-learn's pipeline behind Flask's own JSON."""
    from benchmarks.naive import naive_pipeline

    release = Registry().load_current()
    pipeline = naive_pipeline(release.scorer.weights)
    app = Flask("naive")

    @app.post("/classify")
    def post() -> Any:
        body = request.get_json()
        texts = [document["text"] for document in body.get("documents", [body])]
        return {"results": pipeline.predict_proba(texts).tolist()}

    return app


def calls() -> dict[int, Call]:
    """One text of 4 KB a request, and 64 texts of 2 to 6 KB."""
    texts = texts_of_the_wires_length()
    bodies = {1: {"text": text_of_a_wire(texts)}, 64: {"documents": [{"text": text} for text in texts[:64]]}}
    return {n: Call("/classify", json.dumps(body).encode(), n) for n, body in bodies.items()}


def command(name: str, port: int, workers: int = 2) -> list[str]:
    """What serves an app."""
    if name == "wiretag":
        return serve_command(port, workers)
    settings = f"-k gthread --threads 4 --preload --log-level error --no-control-socket -w {workers} -b 127.0.0.1:{port}"
    return [sys.executable, "-m", "gunicorn", *settings.split(), f"benchmarks.http:{name}()"]


def main(names: Sequence[str] = APPS) -> None:
    """Measure and print."""
    need_wrk()
    for documents, call in calls().items():
        found: dict[str, list[Answered]] = {name: [] for name in names}
        memory: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name in names:
                port = free_port()
                with serving(command(name, port), port, call) as pid:
                    ask(pid, port, call, 1)  # until all its workers are there: connections stay with those that they found
                    found[name].append(ask(pid, port, call, SECONDS))
                    memory[name] = sum(map(pss, children(pid)))
        base = median(found["echo" if documents == 1 else "naive"]).documents
        for name, rounds in found.items():
            row = median(rounds)
            if "--json" in sys.argv[1:]:
                figures = {**asdict(row), "ratio": round(row.documents / base, 3), "workers_mb": round(memory[name], 1)}
                print(json.dumps({"benchmark": "http", "app": name, "documents_a_request": documents, **figures}))
                continue
            print(
                f"{documents:>3} a request  {name:<8}{row.documents:>9,.0f} documents/s{row.documents / base:>8.2f} ×"
                f"   p50 {row.p50:.1f} ms  p99 {row.p99:.1f} ms  CPU {row.cpu:.0f} µs   workers {memory[name]:.0f} MB"
            )


if __name__ == "__main__":
    main()
