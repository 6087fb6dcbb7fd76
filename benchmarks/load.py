"""Load over HTTP for the benchmarks: a server started and stopped, asked by wrk for a bounded time, and the memory it holds.

Everything stays on the loopback interface.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]  # the command, in whatever environment this runs
CONNECTIONS = 8
MAX_ERRORS = 0.01  # of the answers; more, and nothing was measured
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "{content_type}"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
"""


class NotServedError(Exception):
    """A server that does not start, or answers with errors; the message holds the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is sent over and over, and the number of documents it holds."""

    path: str
    body: bytes
    documents: int = 1
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Answered:
    """Documents a second; time to an answer at the median and at 99 %, in ms; CPU of the server for a document, in µs."""

    documents: float
    p50: float
    p99: float
    cpu: float


def median(rounds: Sequence[Answered]) -> Answered:
    """The medians of every figure."""
    return Answered(*(statistics.median(each) for each in zip(*map(astuple, rounds), strict=True)))


def need_wrk() -> None:
    """Stop where wrk is not installed."""
    if not shutil.which("wrk"):
        raise SystemExit("this benchmark needs wrk (apt-get install wrk)")


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_command(port: int | str, workers: int | None = 2) -> list[str]:
    """`wiretag serve` as it is shipped; without `workers` the environment says how many."""
    return [*WIRETAG, "serve", "--bind", f"127.0.0.1:{port}", *(["--workers", str(workers)] if workers else [])]


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path],
    port: int,
    probe: Call | str,
    *,
    patience: float = 60.0,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run a server until the block ends, and give its process id once it answers a probe (a path to get, or a call) with 200.

    Raises `NotServedError` when it stops, or does not answer in `patience` seconds.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # so that the workers of a server that was killed can be ended with it
        )
        try:
            fault = _await(process, port, probe, patience)
            if fault:
                output.seek(0)
                said = output.read().decode(errors="replace").strip().splitlines()
                raise NotServedError(f"{fault}: {' / '.join(said[-3:])[-500:]}")
            yield process.pid
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _await(process: subprocess.Popen[bytes], port: int, probe: Call | str, patience: float) -> str:
    """Wait until a server answers with 200: "" or what went wrong."""
    call = Call(probe, b"") if isinstance(probe, str) else probe
    request = urllib.request.Request(f"http://127.0.0.1:{port}{call.path}", call.body or None)
    request.add_header("Content-Type", call.content_type)
    fault, deadline = "", time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"stopped with status {process.returncode}"
        try:
            with urllib.request.urlopen(request, timeout=patience):
                return ""
        except urllib.error.HTTPError as error:
            fault = f"answers {error.code}: {error.read(200).decode(errors='replace')}"
        except OSError as error:
            fault = f"does not answer ({error})"
        time.sleep(0.02)
    return fault


def ask(pid: int, port: int, call: Call, seconds: int, connections: int = CONNECTIONS) -> Answered:
    """Send a call over and over to the server of a process for some seconds.

    Raises `NotServedError` when more than a few answers are errors; those few are not counted.
    """
    before = _cpu_of_all(pid)
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder) / "body", Path(folder) / "call.lua"
        body.write_bytes(call.body)
        script.write_text(SCRIPT.replace("{content_type}", call.content_type).replace("{body}", str(body)), encoding="utf-8")
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "--latency"]
        shown = subprocess.run(
            [*command, "-s", str(script), f"http://127.0.0.1:{port}{call.path}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 60,
        ).stdout
    n_all, n_wrong = (
        int((re.findall(of, shown) or [0])[0]) for of in (r"(\d+) requests in", r"Non-2xx or 3xx responses: (\d+)")
    )
    if n_wrong > MAX_ERRORS * n_all:
        raise NotServedError(f"{n_wrong} of {n_all} answers are errors")
    if n_all == n_wrong:
        raise NotServedError(f"no answer within {seconds} s; give it more")
    times = {
        each: float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
        for each, value, unit in re.findall(r"(\d\d)%\s+([\d.]+)(us|ms|s)", shown)
    }
    requests_per_second = float(re.findall(r"Requests/sec:\s+([\d.]+)", shown)[0])
    documents = call.documents * requests_per_second * (n_all - n_wrong) / n_all
    return Answered(documents, times["50"], times["99"], (_cpu_of_all(pid) - before) / (documents * seconds) * 1e6)


def _cpu_of_all(pid: int) -> float:
    return sum(map(cpu_seconds, [pid, *children(pid)]))


def children(pid: int) -> list[int]:
    """The processes that a process started, theirs included."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = list(map(int, path.read_text(encoding="ascii").split()))
    return [*found, *(grandchild for child in found for grandchild in children(child))]


def pss(pid: int) -> float:
    """What a process holds of the machine's memory, in MB: its own pages, and its part of those that it shares."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """The time that a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
