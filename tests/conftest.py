"""Fixtures: a small desk with its own topics, the model trained for it, and app → client → runner around the shipped one."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

from models.registry import Registry
from models.release import Release
from service.app import create_app
from service.settings import Settings
from tests.postgres import Server, find_programs

settings.register_profile("fuzz", max_examples=4_000, deadline=None)  # of `make fuzz-kernel`

DATA = Path(__file__).with_name("data")


@pytest.fixture(scope="session")
def release() -> Release:
    """The shipped model."""
    return Registry().load_current()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `segments.jsonl`: a desk's labelled segments for the two topics of data/topics.toml."""
    folder = tmp_path_factory.mktemp("desk")
    rows = [
        {"id": f"d{n}", "headline": None, "text": text, "topics": topics, "group": f"g{n}", "source": "test"}
        for n, (topics, text) in enumerate(_desk_segments())
    ]
    (folder / "segments.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def _desk_segments() -> Iterator[tuple[list[str], str]]:
    places = ["Hamlow", "Ostrel", "Pinfold", "Quarry Bay", "Rushmere", "Selby Cross", "Tarn End"]
    bees = [
        "swarms left the hives in {}",
        "beekeepers of {} harvested pale honey",
        "the queen bee died in a hive near {}",
    ]
    tolls = [
        "the toll on the bridge at {} rises",
        "drivers at {} refused the bridge toll",
        "toll booths on the {} bridge closed",
    ]
    other = [
        "the council of {} met on Monday",
        "rain fell on {} all week",
        "a school in {} opened its doors",
        "{} won the cup final",
    ]
    tail = "Residents said on Tuesday that nothing like it had been seen for years, and officials promised a report."
    for place, line in itertools.product(places, bees):
        yield (
            ["beekeeping"],
            f"{line.format(place).capitalize()}. {tail} The honey and the bees were discussed at length.",
        )
    for place, line in itertools.product(places, tolls):
        yield (
            ["toll_bridges"],
            f"{line.format(place).capitalize()}. {tail} The toll was discussed with the bridge company.",
        )
    for place, line in itertools.product(places, other):
        yield [], f"{line.format(place).capitalize()}. {tail}"
    for place in places:
        text = f"Hives on the toll bridge of {place} swarmed. Beekeepers say the bridge toll is too high for their honey vans."
        yield ["beekeeping", "toll_bridges"], text


@pytest.fixture(scope="session")
def desk_registry(desk: Path) -> Registry:
    """A registry with a model trained on the desk's segments by the command line, with no code of the desk's."""
    from models.cli import wiretag

    root = desk / "registry"
    arguments = [
        "train",
        "--corpus",
        str(desk),
        "--topics",
        str(DATA / "topics.toml"),
        "--registry",
        str(root),
    ]
    outcome = CliRunner().invoke(wiretag, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return Registry(root)


@pytest.fixture(scope="session")
def app(release: Release) -> Flask:
    return create_app(Settings(), release)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of 1 MB, or of the size that the test is parametrised with."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    folder, size = tmp_path / "disk", getattr(request, "param", "1m")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of the tests' own."""
    programs = find_programs()
    if programs is None:
        pytest.skip(
            "PostgreSQL is not installed: no pg_ctl on PATH or under /usr/lib/postgresql (Debian: apt-get install postgresql)"
        )
    server = Server(programs)
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/corrections.db"
    server: Server = request.getfixturevalue("postgres")
    return server.empty()
