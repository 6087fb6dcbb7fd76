"""A long stream through one worker of the real server: how fast it is and what memory it needs.

    python -m tests.soak.stream --megabytes 1000

One client reads while it sends, another sends everything before it reads a byte. Every result is checked to be there and in its
place. Prints a line of figures a client; ends with status 1 when a result is missing or memory goes over the bound.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from benchmarks.texts import texts_of_the_wires_length
from models.topics import load_topics

_START = "from models.cli import main; main()"
MOST_MEGABYTES = 150  # of memory, in a worker
TOPICS = [topic.id for topic in load_topics()]
_HEAD = "POST /classify{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"


@dataclass(frozen=True)
class Server:
    """A running server with one worker."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def worker(self) -> int:
        """The worker's process id."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def peak_megabytes(self) -> float:
        """The most memory that the worker ever had resident."""
        return int(Path(f"/proc/{self.worker}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

    def connect(self) -> socket.socket:
        """A new connection; small buffers, so that little hides in them."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", self.port))
        return connection


@contextmanager
def serve(folder: Path, before: str = "", **settings: object) -> Iterator[Server]:
    """A server on a free loopback port, ready, with these `WIRETAG_` settings and its log in `folder`.

    `before` is Python that its process runs before it starts.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, **{f"WIRETAG_{name.upper()}": str(value) for name, value in settings.items()}}
    command = [sys.executable, "-c", f"{before}\n{_START}", "serve", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            deadline = time.monotonic() + 30
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "not ready in 30 s"
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.02)
            yield Server(port, process, log)
        finally:
            process.kill()


def block_of_documents(form: str, n_characters: int = 6000) -> list[bytes]:
    """350 lines, a megabyte or less together, with their place in the block for an id; `form` is text or page."""
    texts = texts_of_the_wires_length()[:350]
    return [json.dumps({"document_id": str(n), form: text[:n_characters]}).encode() + b"\n" for n, text in enumerate(texts)]


@dataclass(frozen=True)
class Run:
    """What a stream came to."""

    n_documents: int
    n_in_place: int
    n_bytes: int
    n_result_bytes: int
    seconds: float


def run(server: Server, lines: list[bytes], megabytes: float, *, reads_meanwhile: bool, query: str = "") -> Run:
    """Send a block of documents again and again as one stream of so many megabytes, and check the results."""
    block = b"".join(lines)
    n_blocks = max(1, round(megabytes * 1e6 / len(block)))
    start = time.monotonic()
    with server.connect() as connection:
        found: list[tuple[int, int]] = []
        reader = threading.Thread(target=lambda: found.append(_check(connection.makefile("rb"), len(lines))))
        head = _HEAD.format(query=query) + f"Content-Length: {n_blocks * len(block)}\r\n\r\n"
        connection.sendall(head.encode())
        if reads_meanwhile:
            reader.start()
        for _ in range(n_blocks):
            connection.sendall(block)
        if not reads_meanwhile:
            reader.start()
        reader.join()
    seconds = time.monotonic() - start
    return Run(n_blocks * len(lines), found[0][0], n_blocks * len(block), found[0][1], seconds)


def _check(answer: BinaryIO, n_ids: int) -> tuple[int, int]:
    """How many results are in their place, and their bytes."""
    n_in_place = n_bytes = 0
    for number, line in enumerate(lines_of(answer)):
        n_in_place += line.startswith(b'{"document_id":"%d","model_version"' % (number % n_ids))
        n_bytes += len(line)
    return n_in_place, n_bytes


def lines_of(answer: BinaryIO) -> Iterator[bytes]:
    """The lines of a chunked response, whole; raises when it is no 200 or breaks off."""
    status = answer.readline()
    assert status.startswith(b"HTTP/1.1 200 "), status
    while answer.readline().strip():
        pass
    held = b""
    while size := int(answer.readline(), 16):
        *lines, held = (held + answer.read(size)).split(b"\n")
        yield from lines
        assert answer.readline() == b"\r\n"
    assert (answer.readline(), held) == (b"\r\n", b"")


def main() -> int:
    """Measure and print; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--form", choices=["text", "page"], default="text")
    wanted = parser.parse_args()
    lines = block_of_documents(wanted.form)
    kept = True
    for name, reads_meanwhile in (("reads while it sends", True), ("sends all, then reads", False)):
        with TemporaryDirectory() as folder, serve(Path(folder)) as server:
            before = server.peak_megabytes()
            done = run(server, lines, wanted.megabytes, reads_meanwhile=reads_meanwhile)
            peak = server.peak_megabytes()
        print(
            f"{name:<22} {done.n_bytes / 1e6:,.0f} MB in, {done.n_result_bytes / 1e6:,.0f} MB out, {done.seconds:.1f} s: "
            f"{done.n_bytes / 1e6 / done.seconds:.1f} MB/s, {done.n_documents / done.seconds:,.0f} documents/s, "
            f"memory {before:.0f} MB before, {peak:.0f} MB at most; {done.n_in_place:,} of {done.n_documents:,} in place"
        )
        kept = kept and done.n_in_place == done.n_documents and peak <= MOST_MEGABYTES
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
