"""docs/tutorial.md, run as a reader would: its commands in bash, in a folder with the files that it names."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import free_port

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATIENCE = 60  # seconds until an answer is the one shown: a worker takes up a new model when it looks
END = "-- end of command --"


class Reader:
    """A person at a shell: types a command and reads what comes."""

    def __init__(self, folder: Path, port: int):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WIRETAG_")}
        environment |= {"PATH": path, "WIRETAG_BIND": f"127.0.0.1:{port}"}
        self._port = port
        self._errors = folder / ".errors"
        with self._errors.open("wb") as errors:
            self._bash = subprocess.Popen(
                ["bash"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=environment,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        self._watchdog = threading.Timer(600, self.leave)
        self._watchdog.start()

    def run(self, command: str) -> str:
        """What a command prints; it must succeed."""
        typed = command.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}")
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f'{typed}\nprintf "\\n%s %d\\n" "{END}" $?\n')
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(END):
                assert line == f"{END} 0\n", f"{command}: {self._errors.read_text()}"
                return "".join(lines).strip()
            lines.append(line)
        raise AssertionError(f"{command}: the shell ended; {self._errors.read_text()}")

    def leave(self) -> None:
        """Close the shell and all that runs in it."""
        self._watchdog.cancel()
        if self._bash.poll() is None:
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "desk"
    shutil.copytree(DOCS / "tutorial", folder)
    reader = Reader(folder, free_port())
    yield reader
    reader.leave()


def _commands() -> Iterator[tuple[str, str]]:
    """The commands of the tutorial, each with what it is shown to print; `…` stands for anything."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text.replace("2026.11-…", "…"), re.DOTALL):  # a version has the month
        for part in block.split("$ ", 1)[1].split("\n$ "):
            command, _, shown = part.partition("\n")
            yield command, shown.strip()


def _matches(shown: str, printed: str) -> bool:
    return not shown or re.fullmatch(".*".join(map(re.escape, shown.split("…"))), printed, re.DOTALL) is not None


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl"))), reason="the tutorial is for bash and curl")
def test_the_tutorial_does_what_it_says(reader: Reader) -> None:
    """Two new topics, sixty labels, a model, a service, corrections, a better model that serves: each output is as shown."""
    for command, shown in _commands():
        deadline = time.monotonic() + (PATIENCE if "/classify" in command else 0)
        while not _matches(shown, printed := reader.run(command)):
            assert time.monotonic() < deadline, f"{command}\nprinted {printed}\nnot {shown}"
            time.sleep(0.2)
