"""The soak: a service at its limit, its workers killed, its models switched, its clients ill-behaved. `make test-soak`.

Four parts: what the service can do; how it answers at 70 % of that; the soak; and models switched every second in workers
that live on. Prints what it saw, and ends with status 1 where a promise was broken.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from models.registry import Registry
from models.release import load_release
from tests.running import Running, running
from tests.soak.clients import Connection, Question, Record, paced, questions, well_behaved
from tests.two_releases import write_registry

CLIENTS = 64  # kept connections: more than two workers take at once
ILL = 0.05  # share of requests that are malformed, oversized, slow or aborted
KILL_EVERY, ACTIVATE_EVERY = 10.0, 5.0  # seconds
LONG = 300  # seconds from which tail latencies are judged: a few, on a machine with other work, say little
STEADY = 0.7  # of what the service can do
MOST_GROWTH, MOST_SPREAD = 1.05, 5.0  # memory of the last quarter by that of the second; p99 by p50


class Switch(NamedTuple):
    """An activation: when it was asked for, when that was answered, and of what."""

    began: float
    done: float
    version: str


class Soak:
    """A running service and what the parts of the soak need."""

    def __init__(self, server: Running, registry: Registry):
        self.server, self.registry = server, registry
        self.broken: list[str] = []

    def megabytes(self) -> float:
        """Memory of the master and its workers; what they share is counted once."""
        total = 0
        for pid in (self.server.process.pid, *self.server.workers()):
            with suppress(OSError, IndexError):  # a worker may be gone by now
                total += int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
        return total / 1024

    async def ask_all(self, asked: list[Question], record: Record, seconds: float, ill: float = 0.0) -> float:
        """Clients at full tilt; gives answers a second."""
        until = time.monotonic() + seconds
        clients = (well_behaved(self.server.port, asked, record, until, ill) for _ in range(CLIENTS))
        await asyncio.gather(*clients)
        return record.counts["200"] / seconds

    async def kill(self, record: Record) -> None:
        """End a random worker."""
        while True:
            await asyncio.sleep(KILL_EVERY)
            workers = self.server.workers()
            if workers:
                record.kills.append(time.monotonic())
                os.kill(random.choice(workers), signal.SIGKILL)
                record.counts["workers killed"] += 1

    async def activate(self, record: Record, every: float, switched: list[Switch]) -> None:
        """Serve the other release, asked for over HTTP and by the registry in turn."""
        versions = self.registry.versions()
        for number in range(1, 1_000_000):
            await asyncio.sleep(every)
            version, began = versions[number % 2], time.monotonic()
            if number % 2:
                connection = Connection(self.server.port)
                with suppress(OSError, EOFError):  # asked of a worker that is being killed; the next one comes soon
                    status, _, body = await connection.ask(
                        f"POST /models/{version}/activate HTTP/1.1\r\nHost: soak\r\nContent-Length: 0\r\n\r\n".encode()
                    )
                    connection.close()
                    if status != 200:
                        record.fault(f"activation: {status} {body!r}")
            else:
                await asyncio.to_thread(self.registry.activate, version)
            if self.registry.current() == version:
                switched.append(Switch(began, time.monotonic(), version))
                record.counts["activations"] += 1

    async def weigh(self, samples: list[float]) -> None:
        """Take the memory every second."""
        while True:
            await asyncio.sleep(1)
            samples.append(self.megabytes())

    def judge(self, what: str, holds: bool) -> None:
        """Say whether a promise was kept."""
        print(f"  {'kept  ' if holds else 'BROKEN'} {what}", flush=True)
        if not holds:
            self.broken.append(what)

    def judge_record(self, record: Record) -> None:
        """The promises about answers."""
        counts = ", ".join(f"{name} {n:,}" for name, n in sorted(record.counts.items()))
        print(f"  seen: {counts}")
        for fault in record.faults:
            print(f"  fault: {fault}")
        self.judge("every well-formed request was answered 200, wholly by one version, or 503", not record.faults)

    def judge_memory(self, samples: list[float]) -> None:
        """The promise about memory, where there are samples enough to speak of quarters."""
        quarter = len(samples) // 4
        if quarter < 5:
            print(f"  memory: {samples[-1] if samples else 0:.0f} MB at the end, too short to judge its course")
            return
        second, last = median(samples[quarter : 2 * quarter]), median(samples[-quarter:])
        print(f"  memory: second quarter {second:.1f} MB, last {last:.1f} MB, highest {max(samples):.1f} MB")
        self.judge(
            f"memory is flat: last / second quarter = {last / second:.3f} <= {MOST_GROWTH}", last <= MOST_GROWTH * second
        )


@asynccontextmanager
async def beside(*tasks: Any) -> AsyncIterator[None]:
    """Tasks that run as long as the block."""
    started = [asyncio.create_task(task) for task in tasks]
    try:
        yield
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


def slowest_change(record: Record, switched: list[Switch]) -> float:
    """The longest that a request sent after a switch was still answered by the version before, in seconds."""
    longest = 0.0
    for each, following in zip(switched, [*switched[1:], Switch(float("inf"), 0, "")], strict=True):
        late = [sent for sent, version in record.seen if each.done < sent < following.began and version != each.version]
        longest = max(longest, *(sent - each.done for sent in late), 0.0)
    return longest


def _time_naps(stop: threading.Event, lateness: list[float]) -> None:
    """How late the machine is when nothing but the time is asked of it."""
    while not stop.is_set():
        began = time.monotonic()
        time.sleep(0.005)
        lateness.append(time.monotonic() - began - 0.005)


async def soak(server: Running, registry: Registry, seconds: float) -> list[str]:
    """All parts; gives the broken promises."""
    run = Soak(server, registry)
    single, mixed = questions([load_release(registry.folder(version)) for version in registry.versions()])
    probe, steady, switching = max(4, seconds / 20), max(8, seconds / 10), max(4, seconds / 5)

    print(f"What it can do: {CLIENTS} clients, {probe:.0f} s", flush=True)
    record = Record()
    rate = await run.ask_all(single, record, probe)
    run.judge_record(record)
    print(f"  {rate:.0f} answers a second, load of the machine {os.getloadavg()[0]:.1f}")

    print(f"At {STEADY:.0%} of that: {steady:.0f} s", flush=True)
    record, n = Record(), CLIENTS
    until = time.monotonic() + steady
    stop, lateness = threading.Event(), []
    watch = threading.Thread(target=_time_naps, args=(stop, lateness))
    watch.start()
    await asyncio.gather(*(paced(server.port, single, record, STEADY * rate / n, until) for _ in range(n)))
    stop.set()
    watch.join()
    run.judge_record(record)
    cuts = quantiles(record.latencies, n=100)
    p50, p99 = cuts[49], cuts[98]
    print(f"  p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, load of the machine {os.getloadavg()[0]:.1f}")
    late = quantiles(lateness, n=100)[98]
    print(f"  the machine itself: a thread that naps wakes late by {late * 1000:.1f} ms at p99")
    if seconds < LONG:
        print(f"  p99 / p50 = {p99 / p50:.1f}, judged in the long form only")
    elif late > p50:
        print(f"  p99 / p50 = {p99 / p50:.1f}, cannot be judged: the machine is later than the service is slow")
    else:
        run.judge(f"p99 / p50 = {p99 / p50:.1f} <= {MOST_SPREAD:.0f}", p99 <= MOST_SPREAD * p50)

    print(f"Soak: {seconds:.0f} s, a worker killed every {KILL_EVERY:.0f} s, a release activated every {ACTIVATE_EVERY:.0f} s")
    record, samples, switched = Record(), [], []
    async with beside(run.kill(record), run.activate(record, ACTIVATE_EVERY, switched), run.weigh(samples)):
        rate = await run.ask_all(mixed, record, seconds, ILL)
    run.judge_record(record)
    print(f"  {rate:.0f} answers a second, load of the machine {os.getloadavg()[0]:.1f}")
    print(f"  all workers followed an activation within {slowest_change(record, switched):.2f} s")
    run.judge_memory(samples)

    print(f"A release activated every second: {switching:.0f} s", flush=True)
    record, samples, switched = Record(), [], []
    async with beside(run.activate(record, 1, switched), run.weigh(samples)):
        await run.ask_all(mixed, record, switching)
    run.judge_record(record)
    run.judge_memory(samples)
    return run.broken


def main() -> None:
    """Run the soak against a server of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=600, help="length of the soak itself; the other parts follow from it")
    seconds = options.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="wiretag-soak-") as folder:
        registry = write_registry(Path(folder) / "models")[0]
        with running(Path(folder) / "log", "--workers", "2", "--model", str(registry.root)) as server:
            broken = asyncio.run(soak(server, registry, seconds))
            server.process.send_signal(signal.SIGTERM)
            status = server.process.wait(30)
            if status != 0:
                broken.append(f"the server ended with status {status}")
        with (Path(folder) / "log").open(errors="replace") as log:
            bad = [line for line in log if "Traceback" in line or "unexpected_error" in line or '"status":500' in line]
        if bad:
            broken.append(f"the log has {len(bad)} errors, first: {bad[0].strip()}")
    print("\n".join(["", *(f"BROKEN: {what}" for what in broken)]) if broken else "\nAll promises kept.")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
