"""The service against an echo and a naive service over HTTP, on the same server with the same settings: `make bench-http`.

Needs wrk. Each app runs under gunicorn (gthread, two workers of four threads, preloaded) on a loopback port; wrk asks it for
SECONDS with eight connections, ROUNDS times in turn, and medians are compared. Prints documents a second, latency at the median
and at 99 %, and the memory of the workers (PSS: shared pages counted in parts).
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from benchmarks.serving import texts_of_the_wires_length
from models.registry import Registry

SECONDS = 4
ROUNDS = 3
PORTS = {"echo": 8611, "naive": 8612, "wiretag": 8613}
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
"""
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
    from training.fit import sklearn_pipeline

    release = Registry().load_current()
    pipeline = sklearn_pipeline(release.scorer.weights)
    app = Flask("naive")

    @app.post("/classify")
    def post() -> Any:
        body = request.get_json()
        texts = [document["text"] for document in body.get("documents", [body])]
        return {"results": pipeline.predict_proba(texts).tolist()}

    return app


def wiretag() -> Flask:
    """The service as it is served."""
    from service.app import create_app
    from service.server import configure_logs

    configure_logs()
    return create_app()


def _serve(name: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-k",
        "gthread",
        "-w",
        "2",
        "--threads",
        "4",
        "--preload",
        "--log-level",
        "error",
    ]
    process = subprocess.Popen(
        [*command, "-b", f"127.0.0.1:{PORTS[name]}", f"benchmarks.http:{name}()"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(100):
        time.sleep(0.1)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORTS[name]}/none", timeout=1)
        except urllib.error.HTTPError:
            return process
        except OSError:
            continue
    process.terminate()
    raise SystemExit(f"{name}: does not answer on port {PORTS[name]}; is it taken?")


def _ask(name: str, body: Path, documents: int) -> dict[str, float]:
    script = body.with_suffix(".lua")
    script.write_text(SCRIPT.replace("{body}", str(body)), encoding="utf-8")
    command = ["wrk", "-t", "1", "-c", "8", "-d", f"{SECONDS}s", "--latency", "-s", str(script)]
    shown = subprocess.run(
        [*command, f"http://127.0.0.1:{PORTS[name]}/classify"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in shown:
        raise SystemExit(f"{name}: answers with errors\n{shown}")
    times = {
        each: float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
        for each, value, unit in re.findall(r"(\d\d)%\s+([\d.]+)(us|ms|s)", shown)
    }
    return {
        "documents": documents * float(re.findall(r"Requests/sec:\s+([\d.]+)", shown)[0]),
        "p50": times["50"],
        "p99": times["99"],
    }


def _memory(master: int) -> list[float]:
    """Proportional set size of the workers, in MB."""
    workers = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=False).stdout.split()
    rollups = [Path(f"/proc/{worker}/smaps_rollup").read_text(encoding="utf-8") for worker in workers]
    return [int(re.findall(r"^Pss:\s+(\d+)", each, re.MULTILINE)[0]) / 1024 for each in rollups]


def main(names: Sequence[str] = tuple(PORTS)) -> None:
    """Measure and print."""
    if not shutil.which("wrk"):
        raise SystemExit("this benchmark needs wrk (apt-get install wrk)")
    release = Registry().load_current()
    texts = texts_of_the_wires_length([topic.id for topic in release.topics])
    one = next(text for text in texts if 3500 < len(text.encode()) < 4500)
    bodies = {1: {"text": one}, 64: {"documents": [{"text": text} for text in texts[:64]]}}
    with tempfile.TemporaryDirectory() as folder:
        for documents, content in bodies.items():
            body = Path(folder) / f"{documents}.json"
            body.write_text(json.dumps(content), encoding="utf-8")
            found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            memory: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for name in names:
                    process = _serve(name)
                    try:
                        found[name].append(_ask(name, body, documents))
                        memory[name] = _memory(process.pid)
                    finally:
                        process.terminate()
                        process.wait(20)
            base = statistics.median(each["documents"] for each in found["echo" if documents == 1 else "naive"])
            for name, rounds in found.items():
                row = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
                print(
                    f"{documents:>3} a request  {name:<8}{row['documents']:>9,.0f} documents/s{row['documents'] / base:>8.2f} ×"
                    f"   p50 {row['p50']:.1f} ms  p99 {row['p99']:.1f} ms   workers {sum(memory[name]):.0f} MB"
                )


if __name__ == "__main__":
    main()
