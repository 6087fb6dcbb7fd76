"""What a number of workers brings and takes, for the table of docs/operate.md: `make bench-sizing`.

    python -m benchmarks.sizing [--workers N]… [--seconds N] [--write] [--json]

Needs wrk. `wiretag serve` is asked over eight connections for one text of 4 KB a request and for 64 texts of 2 to 6 KB.
Memory is the PSS of all its processes: after requests of all kinds, and at most while every worker has as many of the largest
bodies as it works on at once. --write renews the table in the document, --json prints one object a line.
"""

import argparse
import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks import footprint, http
from benchmarks.load import Call, ask, children, free_port, need_wrk, pss, serve_command, serving
from benchmarks.texts import texts_of_the_wires_length
from service.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "operate.md"
START, END = "<!-- SIZING -->\n", "<!-- /SIZING -->"
HEADER = (
    "| workers | single texts a second | p50, ms | p99, ms | CPU a text, µs | texts a second, 64 a request | CPU a text, µs "
    "| MB in use | MB at most |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured with a number of workers; `cpu` in µs a text, memory in MB of all processes together."""

    workers: int
    texts: float
    p50: float
    p99: float
    cpu: float
    texts_of_64: float
    cpu_of_64: float
    mb: float
    mb_most: float

    def told(self) -> str:
        """The row of the table."""
        single = f"{self.texts:,.0f} | {self.p50:.1f} | {self.p99:.1f} | {self.cpu:,.0f}"
        batch = f"{self.texts_of_64:,.0f} | {self.cpu_of_64:,.0f}"
        return f"| {self.workers} | {single} | {batch} | {self.mb:,.0f} | {self.mb_most:,.0f} |"


def measure(n_workers: int, seconds: int) -> Row:
    """Ask a service of so many workers."""
    port, calls = free_port(), http.calls()
    with serving(serve_command(port, n_workers), port, "/readyz") as pid:
        _await_workers(pid, n_workers)
        single, batch = (ask(pid, port, calls[n], seconds) for n in (1, 64))
    master, workers = footprint.memory(n_workers, footprint.calls())
    memory = master + sum(workers), most_memory(n_workers)
    return Row(n_workers, single.documents, single.p50, single.p99, single.cpu, batch.documents, batch.cpu, *memory)


def most_memory(n_workers: int) -> float:
    """The most that all processes held, in MB, while as many clients sent the largest bodies as the workers work on at once."""
    port, call, n_clients = free_port(), largest_call(), n_workers * Settings().concurrency
    with serving(serve_command(port, n_workers), port, "/readyz") as pid, ThreadPoolExecutor(n_clients) as clients:
        _await_workers(pid, n_workers)
        sent = [clients.submit(_send, port, call) for _ in range(3 * n_clients)]
        most = 0.0
        while wait(sent, timeout=0.05).not_done:
            most = max(most, pss(pid) + sum(map(pss, children(pid))))
        for each in sent:
            each.result()
    return most


def largest_call() -> Call:
    """As many documents as are allowed, in a body of nearly the size that is."""
    settings = Settings()
    size = int(settings.max_body / settings.max_documents * 0.9)
    every = "\n".join(texts_of_the_wires_length()).encode("ascii", "replace").decode()
    starts = islice(cycle(range(0, len(every) - size, size)), settings.max_documents)
    body = json.dumps({"documents": [{"text": every[at : at + size]} for at in starts]}).encode()
    return Call("/classify", body, settings.max_documents)


def _send(port: int, call: Call) -> None:
    """Send a call until it is taken; workers refuse some of so many."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{call.path}", call.body, {"Content-Type": call.content_type})
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _await_workers(pid: int, n_workers: int) -> None:
    while len(children(pid)) < n_workers:
        time.sleep(0.05)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, action="append", help="numbers of workers (1, 2 and 4)")
    parser.add_argument("--seconds", type=int, default=8, help="for each of the two loads")
    parser.add_argument("--write", action="store_true", help="renew the table of docs/operate.md")
    parser.add_argument("--json", action="store_true", help="one object a line")
    given = parser.parse_args()
    need_wrk()
    rows = []
    for n_workers in given.workers or (1, 2, 4):
        rows.append(measure(n_workers, given.seconds))
        if given.json:
            print(json.dumps({"benchmark": "sizing", **{name: round(figure, 2) for name, figure in asdict(rows[-1]).items()}}))
    table = "\n".join([HEADER, *(row.told() for row in rows)])
    if not given.json:
        print(table)
    if given.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(START)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{START}{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
