"""A real Dask cluster for tests: a scheduler and worker processes of their own on loopback, ended with the test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.running import free_port, wait_until

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Cluster:
    """A scheduler with workers."""

    url: str
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker process of one thread, which nobody restarts."""
        options = [
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--host",
            "127.0.0.1",
            "--local-directory",
            str(self.folder),
        ]
        worker = _dask(self.folder / f"worker-{len(self.workers)}.log", "worker", self.url, *options, **environment)
        self.workers.append(worker)
        return worker


@contextmanager
def cluster(folder: Path, n_workers: int = 2) -> Iterator[Cluster]:
    """A cluster whose workers have all arrived."""
    from distributed import Client

    port = free_port()
    scheduler = _dask(folder / "scheduler.log", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    made = Cluster(f"tcp://127.0.0.1:{port}", folder)
    try:
        wait_until(lambda: "Scheduler at" in (folder / "scheduler.log").read_text(), 60)
        for _ in range(n_workers):
            made.add_worker()
        if n_workers:
            with Client(made.url, timeout=60, set_as_default=False) as client:
                client.wait_for_workers(n_workers, timeout=60)
        yield made
    finally:
        for process in (*made.workers, scheduler):
            process.kill()  # nobody needs a farewell
        for process in (*made.workers, scheduler):
            process.wait(30)


def _dask(log: Path, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
