"""The commands of docs/operate.md bring everything back that they promise, made under a service that is being written to."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest

from models.registry import Registry
from tests.postgres import Server
from tests.running import Running, running, wait_until

OPERATE = Path(__file__).resolve().parents[2] / "docs" / "operate.md"


def _commands(before: str) -> list[str]:
    """The commands of the block after these words: the first makes a backup, the second restores it."""
    section = OPERATE.read_text(encoding="utf-8").partition("## Backup and restore")[2]
    block = section.partition(before)[2].partition("```console\n")[2].partition("```")[0]
    return [line.removeprefix("$ ") for line in block.splitlines()]


def _run(command: str, folder: Path, programs: Path = Path(sys.executable).parent, **environment: str) -> None:
    """A command of the document, in a folder, with these programs at hand."""
    path = f"{programs}:{os.environ['PATH']}"
    subprocess.run(command, shell=True, check=True, cwd=folder, env={**os.environ, "PATH": path, **environment}, timeout=120)


class Desk:
    """People who correct without pause: what was answered 201, by id."""

    def __init__(self, server: Running):
        self._server = server
        self._lock = Lock()
        self.answered: dict[int, str] = {}

    def correct(self, person: int, done: Event) -> None:
        """Correct until told to stop."""
        n = 0
        with self._server.client() as client:
            while not done.is_set():
                text = f"Text {n} of {person}: the council met on Monday."
                body = {"text": text, "topics": ["sanctions"], "document_id": f"{person}/{n}"}
                headers = {"Content-Type": "application/json", "Idempotency-Key": f"{person}-{n}"}
                client.request("POST", "/corrections", json.dumps(body), headers)
                answer = client.getresponse()
                stored = json.loads(answer.read())
                assert answer.status == 201, stored
                with self._lock:
                    self.answered[stored["id"]] = text
                n += 1


@contextmanager
def _correcting(desk: Desk) -> Iterator[None]:
    done = Event()
    with ThreadPoolExecutor(4) as people:
        working = [people.submit(desk.correct, person, done) for person in range(4)]
        try:
            yield
        finally:
            done.set()
        for each in working:
            each.result()


def _listed(server: Running) -> dict[int, str]:
    """Every correction that the service lists."""
    found: dict[int, str] = {}
    before: Any = None
    while True:
        status, page = server.call(f"/corrections?limit=200{f'&before={before}' if before else ''}")
        assert status == 200, page
        found |= {each["id"]: each["text"] for each in page["corrections"]}
        before = page["next"]
        if before is None:
            return found


@pytest.mark.skipif(sys.platform != "linux", reason="kills processes as Linux does")
def test_corrections_come_back_from_a_backup(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Backed up under four writers, destroyed, restored: all that was answered before the backup is there, nothing else than what
    was ever sent, the service goes on from there, and who sends again what was lost stores it once."""
    postgres: Server | None = None if database_url.startswith("sqlite") else request.getfixturevalue("postgres")
    backup, restore = _commands("PostgreSQL, while" if postgres else "SQLite, while")
    programs = [postgres.programs] if postgres else []
    with running(tmp_path / "log", "--workers", "2", database_url=database_url) as server:
        desk = Desk(server)
        with _correcting(desk):
            wait_until(lambda: len(desk.answered) >= 40, 60)
            before = dict(desk.answered)
            _run(backup, tmp_path, *programs, WIRETAG_DATABASE_URL=database_url)
            n_then = len(desk.answered)
            wait_until(lambda: len(desk.answered) >= n_then + 20, 60)
        sent = desk.answered
    restored_url = database_url
    if postgres:
        postgres.empty()
        restored_url = postgres.create(f"restored_{uuid.uuid4().hex}")
    else:
        shutil.rmtree(tmp_path / "var")
        (tmp_path / "var").mkdir()
    _run(restore, tmp_path, *programs, RESTORED_URL=restored_url)

    with running(tmp_path / "log2", "--workers", "1", database_url=restored_url) as server:
        found = _listed(server)
        assert before.items() <= found.items() <= sent.items()
        lost = next(text for id_, text in sent.items() if id_ not in found)
        person, n = re.findall(r"\d+", lost)[::-1]
        again = {"text": lost, "topics": ["sanctions"], "document_id": f"{person}/{n}"}
        answers = [server.call("/corrections", again, Idempotency_Key=f"{person}-{n}") for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0][0] == 201
        assert _listed(server).keys() - found.keys() == {answers[0][1]["id"]}
        assert answers[0][1]["id"] > max(found)


def test_a_registry_comes_back_from_a_backup(tmp_path: Path) -> None:
    """Packed under a running service, destroyed, unpacked: the same model serves, verified."""
    backup, restore = _commands("The registry, while")
    root = tmp_path / "models"
    shutil.copytree(Registry().current_folder(), root / "releases" / str(Registry().current()))
    Registry(root).activate(str(Registry().current()))
    with running(tmp_path / "log", "--workers", "1", model=str(root)) as server:
        _run(backup, tmp_path, WIRETAG_MODEL=str(root))
        shutil.rmtree(root)
        assert server.call("/readyz")[0] == 200  # the model is in memory
        _run(restore, tmp_path, WIRETAG_MODEL=str(root))
    with running(tmp_path / "log2", "--workers", "1", model=str(root)) as server:
        assert server.call("/readyz")[1]["model_version"] == Registry().current()
