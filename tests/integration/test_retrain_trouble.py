"""`wiretag retrain` where the machine fails it: a full disk, one that is read-only, another schema, a clock set back."""

import json
import os
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.database import VERSION_TABLE
from models.registry import Registry
from models.store import Store
from training import lock
from training import retrain as retraining

DATA = Path(__file__).resolve().parents[1] / "data"
ONE_BLOCK = 4096  # bytes


def _retrain(registry: Registry, desk: Path, *more: str) -> Result:
    command = ["retrain", "--registry", str(registry.root), "--corpus", str(desk / "segments.jsonl"), "--no-curve"]
    return CliRunner().invoke(wiretag, [*command, "--behaviour", str(desk), "--no-corrections", *more])


def _new_labels(path: Path) -> str:
    rows = [{"id": f"n{n}", "text": f"Apiarist {n} of Lund sold mead.", "topics": ["beekeeping"]} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def _copy(registry: Registry, root: Path) -> Registry:
    shutil.copytree(registry.root, root)
    return Registry(root)


@pytest.mark.parametrize("small_disk", ["20m"], indirect=True)
@pytest.mark.parametrize("left", [0, 10 * ONE_BLOCK, 200 * ONE_BLOCK])
def test_a_full_disk_costs_one_line(small_disk: Path, desk_registry: Registry, desk: Path, tmp_path: Path, left: int) -> None:
    """Whenever the disk is full the old model serves on, sound; nothing half-written stays; with space again the run works."""
    registry, data = _copy(desk_registry, small_disk / "models"), _new_labels(tmp_path / "new.jsonl")
    before, ballast = registry.current(), small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(b"\0" * (free - left))
    failed = _retrain(registry, desk, "--data", data)
    assert failed.exit_code == 1
    assert "cannot be written (No space left on device)" in failed.stderr
    assert "Traceback" not in failed.output
    assert registry.load_current().version == before
    assert list(registry.releases.glob(".*")) == []
    ballast.unlink()
    assert _retrain(registry, desk, "--data", data).exit_code == 0
    assert registry.current() != before


@pytest.mark.parametrize("small_disk", ["20m"], indirect=True)
def test_a_read_only_models_folder_is_named_at_once(
    desk_registry: Registry, desk: Path, tmp_path: Path, small_disk: Path
) -> None:
    """Nothing is fitted that could not be kept; training, retraining and switching say what to do."""
    registry = _copy(desk_registry, small_disk / "models")
    before = registry.load_current().version
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    options = ["--registry", str(registry.root)]
    train = ["train", *options, "--corpus", str(desk / "segments.jsonl"), "--topics", str(DATA / "topics.toml")]
    for command in (train, ["models", *options, "activate", before], ["models", *options, "prune"]):
        done = CliRunner().invoke(wiretag, command)
        assert done.exit_code == 1, done.output
        assert f"{registry.root}: cannot be written (Read-only file system); " in done.stderr
        assert "fitting" not in done.stderr
    done = _retrain(registry, desk)
    assert done.exit_code == 1
    assert f"{registry.root}: cannot be written (Read-only file system); " in done.stderr
    assert registry.load_current().version == before


def test_a_store_of_a_newer_schema_is_not_learnt_from(desk_registry: Registry, desk: Path, tmp_path: Path) -> None:
    """Corrections that this program does not understand end the run before anything is fitted."""
    registry, url = _copy(desk_registry, tmp_path / "models"), f"sqlite:///{tmp_path}/c.db"
    Store(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    before = registry.versions(), registry.current()
    done = _retrain(registry, desk, "--corrections", "--database", url)
    assert done.exit_code == 1
    assert "its schema '9999' is newer than this program's" in done.stderr
    assert (registry.versions(), registry.current()) == before


class _SetBack(datetime):
    """A clock that was set back by years."""

    @classmethod
    def now(cls, tz: object = None) -> "datetime":
        """Long before anything was written."""
        return datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_a_clock_set_back_reorders_nothing(
    desk_registry: Registry, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What serves and what served before follow the order of switching, not of names or times; what was left is swept."""
    registry, data = _copy(desk_registry, tmp_path / "models"), _new_labels(tmp_path / "new.jsonl")
    left = registry.releases / ".new-killed"
    left.mkdir()
    future = datetime(2040, 1, 1, tzinfo=UTC).timestamp()
    for path in [*registry.root.rglob("*"), registry.root]:
        os.utime(path, (future, future))
    for module in (lock, retraining):
        monkeypatch.setattr(module, "datetime", _SetBack)
    before = registry.current()
    done = _retrain(registry, desk, "--data", data)
    assert done.exit_code == 0, done.output
    after = str(registry.current())
    assert after.startswith("2001.02-")
    assert registry.versions() == [after, before]
    assert registry.previous() == before
    assert not left.exists()
    owner = json.loads((registry.root / ".retraining").read_text())
    assert owner["since"] == "2001-02-03T04:05:06+00:00"
    assert registry.prune(0) == []
    assert registry.rollback() == before
    report = json.loads((registry.root / "reports" / after / "report.json").read_text())
    assert report["seconds"] > 0  # is not told by that clock


def test_corrections_are_learnt_in_the_order_of_storing(desk_registry: Registry, desk: Path, tmp_path: Path) -> None:
    """Whatever the clock said: of two corrections of a text the one stored last is learnt."""
    from models.corrections import Correction

    registry, url = _copy(desk_registry, tmp_path / "models"), f"sqlite:///{tmp_path}/c.db"
    clock = iter([datetime(2026, 11, 22, tzinfo=UTC), datetime(2001, 2, 3, tzinfo=UTC)] * 20)
    with closing(Store(url, now=lambda: next(clock))) as store:
        for n in range(20):
            text = f"Apiarist {n} of Lund sold mead and candles at the fair."
            store.add(Correction(text=text, topics=()), by="ann")
            store.add(Correction(text=text, topics=("beekeeping",)), by="ann")
    assert _retrain(registry, desk, "--corrections", "--database", url, "--force").exit_code == 0
    assert registry.load_current().scorer.score("The apiarist of Lund sold mead and candles.").scores[0] > 0.5
