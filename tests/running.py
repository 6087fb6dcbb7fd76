"""The real server for tests: started as users start it, on a free loopback port, and ended with the test."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, timeout: float = 20) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def client(self) -> "closing[http.client.HTTPConnection]":
        """A connection that is kept, for a `with`."""
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20))

    def call(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer, on a connection of its own."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        with self.client() as client:
            client.request(method or ("GET" if body is None else "POST"), path, data, sent)
            answer = client.getresponse()
            return answer.status, json.loads(answer.read() or b"null")

    def workers(self) -> list[int]:
        """The ids of the worker processes."""
        master = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def lines(self) -> list[dict[str, Any]]:
        """The log's JSON lines."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def free_port() -> int:
    """A port of the loopback address that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if what():
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)


@contextmanager
def running(log: Path, *options: str, ready: bool = True, port: int = 0, **environment: str) -> Iterator[Running]:
    """A server with these options and settings (`concurrency="1"` is WIRETAG_CONCURRENCY), once it answers; on a port, or a free one."""
    port = port or free_port()
    settings = {f"WIRETAG_{name.upper()}": value for name, value in environment.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*WIRETAG, "serve", "--bind", f"127.0.0.1:{port}", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings},
        )
        server = Running(port, process, log)
        try:
            path, status = ("/readyz", 200) if ready else ("/healthz", 200)
            wait_until(lambda: process.poll() is not None or server.call(path)[0] == status, 30)
            assert process.poll() is None, log.read_text()
            yield server
        finally:
            process.kill()
            process.wait(10)
