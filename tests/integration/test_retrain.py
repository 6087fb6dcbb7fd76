"""`wiretag retrain`: what is promoted, what is kept, and what is left after trouble."""

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.registry import Registry

DATA = Path(__file__).resolve().parents[1] / "data"
Retrain = Callable[..., Result]


@pytest.fixture
def registry(desk_registry: Registry, tmp_path: Path) -> Registry:
    """A copy of the desk's registry."""
    shutil.copytree(desk_registry.root, tmp_path / "registry")
    return Registry(tmp_path / "registry")


@pytest.fixture
def retrain(desk: Path, registry: Registry, runner: CliRunner) -> Retrain:
    def run(*arguments: str) -> Result:
        command = ["retrain", "--registry", str(registry.root), "--corpus", str(desk), "--behaviour", str(desk), *arguments]
        return runner.invoke(wiretag, [*command, "--no-curve"])

    return run


def _rows(path: Path, rows: list[tuple[str, list[str]]]) -> str:
    made = [{"id": f"new{n}", "text": text, "topics": topics, "group": f"new{n}"} for n, (text, topics) in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return str(path)


def test_a_sound_model_is_promoted_and_reported(retrain: Retrain, registry: Registry, tmp_path: Path) -> None:
    """New labels make a new version that serves at once; page and JSON tell every test with both figures."""
    before = registry.current()
    data = _rows(
        tmp_path / "new.jsonl", [(f"Apiarist number {n} of Lund sold mead and wax candles.", ["beekeeping"]) for n in range(12)]
    )
    done = retrain("--data", data, "--report", str(tmp_path / "report"))
    assert done.exit_code == 0, done.output
    assert registry.current() != before
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["outcome"], report["champion"], report["challenger"]) == ("promoted", before, registry.current())
    names = [check["name"] for check in report["gate"]["checks"]]
    assert {"topics", "macro_f1", "f1 of beekeeping", "false_alarms", "latency_us", "bytes"} <= set(names)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Apiarist" not in page  # ids, never text
    assert "http" not in page.replace("http-equiv", "")  # no other host
    assert registry.load_current().scorer.score("Mead and wax candles of the apiarist.").scores[0] > 0.5


def test_no_release_holds_a_text_that_was_added(registry: Registry, desk: Path, runner: CliRunner, tmp_path: Path) -> None:
    """Who deletes a correction need not look for it in models, not even where the corpus has no text short enough to try them on."""
    rows = [json.loads(line) for line in (desk / "segments.jsonl").read_text().splitlines()]
    long = [{**row, "text": row["text"] * 5} if row["topics"] == ["beekeeping"] else row for row in rows]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in long))
    data = _rows(
        tmp_path / "new.jsonl", [(f"Apiarist number {n} of Lund sold mead and wax.", ["beekeeping"]) for n in range(12)]
    )
    command = ["retrain", "--registry", str(registry.root), "--corpus", str(tmp_path / "long.jsonl"), "--behaviour", str(desk)]
    done = runner.invoke(wiretag, [*command, "--no-curve", "--data", data])
    assert done.exit_code in (0, 3), done.output
    made = [registry.folder(version) for version in registry.versions()]
    assert len(made) == 2
    assert not [path for folder in made for path in folder.iterdir() if b"of Lund sold mead" in path.read_bytes()]


def test_poisoned_labels_are_kept_out(retrain: Retrain, registry: Registry, tmp_path: Path) -> None:
    """A model that became worse does not serve: exit status 3, and the report says where it fails."""
    before = registry.current()
    lies = [(f"Bees and honey in hive {n}: the queen bee swarmed, beekeepers said at length.", []) for n in range(60)]
    done = retrain("--data", _rows(tmp_path / "lies.jsonl", lies))
    assert done.exit_code == 3, done.output
    assert registry.current() == before
    assert "FAIL  f1 of beekeeping" in done.output


def test_force_is_remembered(retrain: Retrain, registry: Registry, tmp_path: Path) -> None:
    """Whoever overrules the gate is on record in the manifest."""
    lies = [(f"Bees and honey in hive {n}: the queen bee swarmed, beekeepers said at length.", []) for n in range(60)]
    before = registry.current()
    done = retrain("--data", _rows(tmp_path / "lies.jsonl", lies), "--force")
    assert done.exit_code == 0, done.output
    assert "by force" in done.output
    assert registry.load_current().manifest["retraining"] == {"champion": before, "forced": True}


def test_other_topics_need_leave(registry: Registry, runner: CliRunner, desk: Path, tmp_path: Path) -> None:
    """A changed label set would break whoever reads the answers: it is let in only when that is asked for."""
    for name, source in (("topics.toml", DATA / "topics.toml"), ("corpus.jsonl", desk / "segments.jsonl")):
        (tmp_path / name).write_text(source.read_text().replace("toll_bridges", "bridge_tolls"))
    command = ["retrain", "--registry", str(registry.root), "--topics", str(tmp_path / "topics.toml"), "--no-curve"]
    command += ["--corpus", str(tmp_path / "corpus.jsonl"), "--behaviour", str(desk)]
    refused = runner.invoke(wiretag, command)
    assert refused.exit_code == 3, refused.output
    assert "FAIL  topics: 2 → 2 (the same topics (lost: toll_bridges; new: bridge_tolls))" in refused.output
    allowed = runner.invoke(wiretag, [*command, "--allow-topics-change"])
    assert allowed.exit_code == 0, allowed.output
    assert [topic.id for topic in registry.load_current().topics] == ["beekeeping", "bridge_tolls"]


def test_the_holdout_is_never_learnt_from(retrain: Retrain, desk: Path, tmp_path: Path) -> None:
    """A correction of a text that models are judged on is set aside, and said."""
    rows = [json.loads(line) for line in (desk / "segments.jsonl").read_text().splitlines()]
    data = _rows(tmp_path / "again.jsonl", [(row["text"], ["beekeeping"]) for row in rows if not row["topics"]])
    done = retrain("--data", data, "--json")
    report = json.loads(done.stdout)
    assert report["data"]["left_out_for_the_holdout"]
    assert {conflict["stands"].startswith(("new", "d")) for conflict in report["data"]["conflicts"]} == {True}
    assert len(report["data"]["conflicts"]) >= 20


def test_one_run_at_a_time(retrain: Retrain, registry: Registry) -> None:
    """A second run is refused at once and told who holds the registry."""
    with (registry.root / ".retraining").open("w") as held:
        held.write('{"pid": 1, "host": "desk", "since": "2026-11-22T00:00:00+00:00"}')
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        done = retrain()
    assert done.exit_code == 1
    assert "another training runs (process 1 on desk since 2026-11-22" in done.output


def test_a_release_is_not_taken_for_a_registry(registry: Registry, runner: CliRunner, desk: Path) -> None:
    """WIRETAG_MODEL may name one release's folder to serve it; nothing is trained into it."""
    folder = registry.current_folder()
    before = sorted(folder.iterdir())
    options = ["--registry", str(folder), "--corpus", str(desk), "--topics", str(DATA / "topics.toml")]
    for command in ("train", "retrain"):
        done = runner.invoke(wiretag, [command, *options])
        assert done.exit_code == 1
        assert f"{folder}: the folder of one release; name the registry that holds it" in done.stderr
    assert sorted(folder.iterdir()) == before


def test_what_cannot_be_used_is_named(retrain: Retrain, registry: Registry, tmp_path: Path) -> None:
    """Another encoding, an unknown topic, a gate that is none: the file, the place and the remedy."""
    latin = tmp_path / "latin.csv"
    latin.write_bytes("id,text,topics\n1,Caf\xe9 bees,beekeeping\n".encode("latin-1"))
    assert "not UTF-8" in retrain("--data", str(latin)).output
    unknown = _rows(tmp_path / "unknown.jsonl", [("Bees.", ["wasps"])])
    assert "unknown topic 'wasps'" in retrain("--data", unknown).output
    gate = tmp_path / "gate.toml"
    gate.write_text("[margins]\nmacro = 1\n")
    assert "gate.toml: not a usable gate" in retrain("--gate", str(gate)).output
