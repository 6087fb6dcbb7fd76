"""Documents a second over HTTP of Wiretag and its peers, trained on the same corpus, in one run: `make bench-peers`.

    python -m benchmarks.peers [--environments FOLDER] [--only NAME]… [--rounds N] [--seconds N] [--json]

Needs wrk, and the peers where `benchmarks/peers/install.sh` puts them; one that is not there is skipped by name. Each has two
workers and is asked over the loopback interface by eight connections, one text of 4 KB a request and then 64 texts of 2 to
6 KB (Annif takes 32), in turn, several rounds; medians are printed. Only speed is compared here: peers that learn slowly see
the corpus once. `benchmarks.quality` compares what they find.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.load import Answered, NotServedError, ask, free_port, median, need_wrk, serving
from benchmarks.peers.systems import SYSTEMS, System, Work

FIRST = next(iter(SYSTEMS))


def measure(system: System, seconds: int) -> list[Answered]:
    """One round: the single call and the batch. Raises `NotServedError`."""
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in system.command]
    environment = {name: value.replace("{port}", str(port)) for name, value in system.environment.items()}
    with serving(command, port, system.single, folder=system.folder, environment=environment) as pid:
        ask(pid, port, system.single, 1)  # all its workers have met a text before anything is measured
        return [ask(pid, port, call, seconds) for call in (system.single, system.batch)]


def report(name: str, rounds: list[list[Answered]], first: list[Answered], as_json: bool) -> list[Answered]:
    """Print a system's medians beside those of the first system, and give them: alone, and in batches."""
    medians = [median([each[call] for each in rounds]) for call in (0, 1)]
    row: dict[str, float | None] = {}
    cells = []
    for call, (kind, mine) in enumerate(zip(("single", "batch"), medians, strict=True)):
        behind = first[call].documents / mine.documents if first else None
        row[f"{kind}_documents_per_s"] = round(mine.documents, 1)
        row[f"{kind}_behind"] = behind and round(behind, 2)
        row[f"{kind}_p50_ms"] = mine.p50
        row[f"{kind}_cpu_us"] = round(mine.cpu, 1)
        cells.append(f"{mine.documents:,.0f} | {f'{behind:.1f} ×' if behind else ''} | {mine.p50:.1f} | {mine.cpu:,.0f}")
    if as_json:
        print(json.dumps({"benchmark": "peers", "system": name, **row}), flush=True)
    else:
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return medians


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, default=Path("var/peers"), help="where install.sh put them (var/peers)")
    parser.add_argument("--only", action="append", choices=SYSTEMS, help="these systems alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each call a round")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    need_wrk()
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Work.prepare(Path(folder), options.environments)
        systems: dict[str, System] = {}
        for name in options.only or SYSTEMS:
            _say(f"training {name}")
            try:
                systems[name] = SYSTEMS[name](work)
            except FileNotFoundError as error:
                skipped[name] = str(error)
            except subprocess.CalledProcessError as error:
                skipped[name] = "cannot be trained: " + " / ".join((error.stderr or error.stdout).strip().splitlines()[-2:])
        found: dict[str, list[list[Answered]]] = {name: [] for name in systems}
        for number in range(options.rounds):
            for name in [name for name in systems if name not in skipped]:
                _say(f"round {number + 1}, {name}")
                try:
                    found[name].append(measure(systems[name], options.seconds))
                except NotServedError as error:
                    skipped[name] = str(error)
    if not options.json:
        half = f"{FIRST} against it | p50, ms | CPU, µs"
        print(f"| system | alone, documents/s | {half} | batches, documents/s | {half} |")
        print("|---|---|---|---|---|---|---|---|---|")
    first: list[Answered] = []
    for name, rounds in found.items():
        if name not in skipped:
            medians = report(name, rounds, first, options.json)
            if name == FIRST:
                first = medians
    for name, reason in skipped.items():
        print(
            json.dumps({"benchmark": "peers", "system": name, "skipped": reason})
            if options.json
            else f"{name}: skipped, {reason}"
        )


if __name__ == "__main__":
    main()
