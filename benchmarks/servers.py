"""The settings of the server, measured: the same application under gunicorn and granian in turn. `make bench-servers`.

    python -m benchmarks.servers [--granian COMMAND] [--rounds N] [--seconds N] [--json]

Needs wrk. Every server listens on the loopback interface and is asked by eight connections, one text of 4 KB a request and then
64 texts; medians over the rounds. CPU is what all processes of the server computed for a document, which a busy machine changes
least; memory is their PSS afterwards. granian is looked for where `benchmarks/peers/install.sh granian` puts it.
"""

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from flask import Flask

from benchmarks.http import calls
from benchmarks.load import (
    Answered,
    NotServedError,
    ask,
    children,
    free_port,
    median,
    need_wrk,
    pss,
    serve_command,
    serving,
)
from service.app import create_app
from service.server import configure_logs

GUNICORN = [sys.executable, "-m", "gunicorn", "benchmarks.servers:app()", "--log-level", "warning", "--no-control-socket"]
GRANIAN = "--interface wsgi --no-ws --log-level warning --factory service.wsgi:create"
OURS = {  # settings of Wiretag by name
    "wiretag serve": {},
    "wiretag serve, 64 threads": {"WIRETAG_THREADS": "64"},
    "wiretag serve, 1 worker": {"WIRETAG_WORKERS": "1"},
    "wiretag serve, 4 workers": {"WIRETAG_WORKERS": "4"},
}
GUNICORN_SETTINGS = {  # arguments of gunicorn's own workers by name
    "gthread, 2 × 1 thread": "-k gthread -w 2 --threads 1 --preload",
    "gthread, 2 × 16": "-k gthread -w 2 --threads 16 --preload",
    "gthread, 2 × 16, --reuse-port": "-k gthread -w 2 --threads 16 --preload --reuse-port",
    "gthread, 2 × 16, --keep-alive 0": "-k gthread -w 2 --threads 16 --preload --keep-alive 0",
    "gthread, 2 × 16, not preloaded": "-k gthread -w 2 --threads 16",
    "sync, 2": "-k sync -w 2 --preload",
    "sync, 4": "-k sync -w 4 --preload",
}
GRANIAN_SETTINGS = {
    "granian, 2": "--workers 2",
    "granian, 2 × 1 thread": "--workers 2 --blocking-threads 1",
    "granian, 2 × 16": "--workers 2 --blocking-threads 16",
}


def app() -> Flask:
    """The application for gunicorn's own workers, loaded before they fork."""
    configure_logs()
    return create_app()


@dataclass(frozen=True, slots=True)
class Found:
    """A round of a server: one text a request, 64 texts a request, and the memory of all its processes in MB."""

    single: Answered
    batch: Answered
    memory: float


def commands(granian: Path, port: int) -> dict[str, list[str]]:
    """What starts each server."""
    found = {name: serve_command(port, None) for name in OURS}
    for name, settings in GUNICORN_SETTINGS.items():
        found[f"gunicorn {name}"] = [*GUNICORN, *settings.split(), "-b", f"127.0.0.1:{port}"]
    for name, settings in GRANIAN_SETTINGS.items():
        found[name] = [str(granian.absolute()), *GRANIAN.split(), *settings.split(), "--host", "127.0.0.1", "--port", str(port)]
    return found


def measure(name: str, granian: Path, seconds: int) -> Found:
    """One round of one server. Raises `NotServedError`, and `FileNotFoundError` where it is not installed."""
    port, call = free_port(), calls()
    with serving(commands(granian, port)[name], port, call[64], environment=OURS.get(name)) as pid:
        ask(pid, port, call[1], 1)  # until all its workers are there: connections stay with those that they found
        single, batch = (ask(pid, port, each, seconds) for each in (call[1], call[64]))
        return Found(single, batch, sum(map(pss, [pid, *children(pid)])))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--granian", type=Path, default=Path("var/peers/granian/bin/granian"), help="its command")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each call a round")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    need_wrk()
    rounds: dict[str, list[Found]] = {}
    skipped: dict[str, str] = {}
    for _ in range(options.rounds):
        for name in commands(options.granian, 0):
            try:
                found = measure(name, options.granian, options.seconds)
                rounds.setdefault(name, []).append(found)
            except (NotServedError, FileNotFoundError) as error:
                skipped[name] = str(error)
    if not options.json:
        print(
            "| server | one text a request | p50, ms | p99, ms | CPU, µs | 64 a request, documents/s | p99, ms | CPU, µs | MB |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
    for name, several in rounds.items():
        single, batch = median([each.single for each in several]), median([each.batch for each in several])
        memory = statistics.median(each.memory for each in several)
        if options.json:
            row = {"single": asdict(single), "batch": asdict(batch), "memory_mb": round(memory, 1)}
            print(json.dumps({"benchmark": "servers", "server": name, **row}))
        else:
            cells = f"{single.documents:,.0f} | {single.p50:.1f} | {single.p99:.1f} | {single.cpu:.0f}"
            cells += f" | {batch.documents:,.0f} | {batch.p99:.0f} | {batch.cpu:.0f}"
            print(f"| {name} | {cells} | {memory:.0f} |")
    for name, reason in skipped.items():
        print(
            json.dumps({"benchmark": "servers", "server": name, "skipped": reason})
            if options.json
            else f"{name}: skipped, {reason}"
        )


if __name__ == "__main__":
    main()
