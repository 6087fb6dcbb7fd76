"""What the service takes of a machine before and besides its work: memory, and CPU until it is ready. Part of `make bench`.

Memory is PSS (shared pages counted in parts) after every worker has met texts, batches, pages, HTML and evidence. Prints a
table; with --json one object a line.
"""

import json
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from benchmarks.load import ROOT, Call, NotServedError, children, cpu_seconds, free_port, pss, serve_command, serving
from benchmarks.texts import texts_of_the_wires_length

ROUNDS = 5
REQUESTS = 60  # of each kind for every worker
PATIENCE = 30  # times that a request is sent again
LOAD = """
import time
import models.registry
start = time.process_time()
models.registry.Registry().load_current()
print(time.process_time() - start)
"""
BARS = {"model_load_cpu_s": 0.1, "ready_cpu_s": 0.6, "worker_mb": 60, "four_workers_mb": 120}


def load_seconds() -> float:
    """CPU seconds in which a fresh process loads and verifies the shipped model."""
    shown = [subprocess.run([sys.executable, "-c", LOAD], capture_output=True, check=True, cwd=ROOT) for _ in range(ROUNDS)]
    return statistics.median(float(each.stdout) for each in shown)


def ready_seconds() -> float:
    """CPU seconds of `wiretag serve` with one worker, from its start to the first 200 of /readyz."""
    found = []
    for _ in range(ROUNDS):
        port = free_port()
        with serving(serve_command(port, 1), port, "/readyz") as pid:
            found.append(sum(map(cpu_seconds, [pid, *children(pid)])))
    return statistics.median(found)


def memory(n_workers: int, calls: list[Call], requests: int = REQUESTS) -> tuple[float, list[float]]:
    """PSS of the master and of every worker after `requests` of each call for every worker, in MB."""
    port = free_port()
    with serving(serve_command(port, n_workers), port, "/readyz") as pid:
        while len(children(pid)) < n_workers:
            time.sleep(0.05)
        with ThreadPoolExecutor(2 * n_workers) as clients:
            for call in calls:
                list(clients.map(lambda _, call=call: _send(port, call), range(requests * n_workers)))
        return pss(pid), [pss(worker) for worker in children(pid)]


def _send(port: int, call: Call) -> None:
    headers = {"Content-Type": call.content_type, "Connection": "close"}  # another connection: perhaps another worker
    request = urllib.request.Request(f"http://127.0.0.1:{port}{call.path}", call.body, headers)
    for _ in range(PATIENCE):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:  # a busy service sheds load, and says when to come again
                raise
            time.sleep(float(error.headers["Retry-After"]))
    raise NotServedError("busy for too long")


def calls() -> list[Call]:
    """One call of each kind that the service answers at length."""
    texts = texts_of_the_wires_length()
    page = "\n".join(texts[:4])[:8192]
    html = "<html><body>" + "".join(f"<h2>{text[:60]}</h2><p>{text}</p>" for text in texts[:3]) + "</body></html>"
    bodies = [{"text": texts[0]}, {"documents": [{"text": text} for text in texts[:64]]}]
    bodies += [{"page": page}, {"html": html}, {"text": texts[0], "explain": True}]
    return [Call("/classify", json.dumps(body).encode()) for body in bodies]


def main() -> None:
    """Measure and print."""
    found: dict[str, float] = {"model_load_cpu_s": load_seconds(), "ready_cpu_s": ready_seconds()}
    for n_workers in (1, 2, 4):
        master, workers = memory(n_workers, calls())
        name = {1: "one_worker", 2: "two_workers", 4: "four_workers"}[n_workers]
        found[f"{name}_mb"] = sum(workers)
        found[f"{name}_and_master_mb"] = master + sum(workers)
        found["worker_mb"] = max(found.get("worker_mb", 0), *workers)
    for name, value in found.items():
        bar = BARS.get(name)
        if "--json" in sys.argv[1:]:
            print(json.dumps({"benchmark": "footprint", "figure": name, "value": round(value, 3), "bar": bar}))
        else:
            held = "" if bar is None else f"   bar {bar:g}: {'held' if value <= bar else 'MISSED'}"
            print(f"{name:<28}{value:>9.2f}{held}")


if __name__ == "__main__":
    main()
