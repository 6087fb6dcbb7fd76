"""`wiretag train --streamed`: the same command, the same kind of release, in bounded memory."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.pipeline import Document, classify
from models.registry import Registry
from tests.running import WIRETAG, wait_until
from training.corpus import read_segments
from training.holdout import stored

TOPICS = Path(__file__).resolve().parents[1] / "data" / "topics.toml"


def _train(corpus: Path, registry: Path, *options: str) -> Result:
    arguments = ["train", "--corpus", str(corpus), "--topics", str(TOPICS), "--registry", str(registry), *options]
    return CliRunner().invoke(wiretag, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def streamed(desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a model fitted streamed on the desk's segments."""
    root = tmp_path_factory.mktemp("streamed")
    done = _train(desk / "segments.jsonl", root, "--streamed")
    assert done.exit_code == 0, done.output
    assert "streamed" in done.stderr
    return Registry(root)


def test_it_makes_a_release_like_any_other(streamed: Registry, desk_registry: Registry) -> None:
    """Same files, same vocabulary, same decisions on texts that neither has seen; the manifest tells how it was fitted."""
    ours, theirs = streamed.load_current(), desk_registry.load_current()
    files = [
        {path.name for path in registry.folder(registry.versions()[0]).iterdir()} for registry in (streamed, desk_registry)
    ]
    assert files[0] == files[1]
    assert ours.scorer.weights.words == theirs.scorer.weights.words
    assert ours.manifest["corpus"] == theirs.manifest["corpus"]
    assert ours.manifest["fit"] == "streamed"
    assert set(ours.manifest) - {"fit"} == set(theirs.manifest)
    assert ours.manifest["reference"]["texts"] == theirs.manifest["reference"]["texts"]
    for text in (
        "Beekeepers in Upper Marl lost a swarm, and the honey of two hives was spoilt.",
        "The bridge company raised the toll on the bridge, and drivers of Upper Marl refused to pay it.",
        "The council of Upper Marl met on Monday while rain fell all week on the school.",
    ):
        assigned = [
            [topic["topic"] for topic in classify(release, Document(text))["topics"] if topic["decision"] == "assigned"]
            for release in (ours, theirs)
        ]
        assert assigned[0] == assigned[1]
    scores = [release.manifest["evaluation"]["held_out_folds"]["macro_f1"] for release in (ours, theirs)]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_it_carries_scores_of_its_holdout(streamed: Registry, desk: Path) -> None:
    """Whoever has the held-out segments finds what a twin that never saw them made of them."""
    release = streamed.load_current()
    folder = streamed.folder(release.version)
    ids = json.loads((folder / "holdout.json").read_bytes())["ids"]
    segments = [s for s in read_segments([desk / "segments.jsonl"], ["beekeeping", "toll_bridges"]) if s.id in set(ids)]
    judged = stored(release, folder, segments)
    assert judged is not None
    assert 0 < len(judged.scores) < 40


def test_the_same_segments_give_the_same_bytes(
    streamed: Registry, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the order of the work nor the number of processors decides anything."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert _train(desk / "segments.jsonl", tmp_path, "--streamed").exit_code == 0
    (version,) = streamed.versions()
    first, second = streamed.folder(version), Registry(tmp_path).folder(version)
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}


def test_large_files_are_streamed_unasked(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus that would not fit in memory does not end the run, unless memory is asked for."""
    monkeypatch.setattr("training.commands.STREAMED_FROM", 1000)
    done = _train(desk / "segments.jsonl", tmp_path / "a")
    assert (done.exit_code, done.stderr) == (0, "fitting 2 topics on 0 MB of segments, streamed\n")
    done = _train(desk / "segments.jsonl", tmp_path / "b", "--no-streamed")
    assert (done.exit_code, done.stderr) == (0, "fitting 2 topics on 77 segments\n")


def test_a_topic_with_too_few_stories_is_named(desk: Path, tmp_path: Path) -> None:
    """The same demand as in memory."""
    lines = (desk / "segments.jsonl").read_text(encoding="utf-8").splitlines()
    few = [line for line in lines if "toll_bridges" not in line or json.loads(line)["id"] < "d3"]
    (tmp_path / "few.jsonl").write_text("\n".join(few), encoding="utf-8")
    done = _train(tmp_path / "few.jsonl", tmp_path, "--streamed")
    assert done.exit_code == 1
    assert "topic 'toll_bridges'" in done.stderr
    assert not (tmp_path / "releases").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_a_killed_run_leaves_nothing(desk: Path, tmp_path: Path) -> None:
    """`kill -9` in the middle: no release, no temporary file, and no worker a few seconds later."""
    rows = [json.loads(line) for line in (desk / "segments.jsonl").read_text(encoding="utf-8").splitlines()]
    corpus, scratch, registry = tmp_path / "many.jsonl", tmp_path / "scratch", tmp_path / "registry"
    scratch.mkdir()
    with corpus.open("w", encoding="utf-8") as file:
        for n in range(25_000 // len(rows)):
            file.writelines(json.dumps({**row, "id": f"{row['id']}-{n}"}) + "\n" for row in rows)
    arguments = ["train", "--streamed", "--corpus", corpus, "--topics", TOPICS, "--registry", registry]
    run = subprocess.Popen([*WIRETAG, *arguments], env=os.environ | {"TMPDIR": str(scratch)}, stderr=subprocess.DEVNULL)
    try:
        workers = _wait_for_work(run, scratch)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert workers
    assert list(scratch.iterdir()) == []
    assert not (registry / "releases").exists()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 60)


def _wait_for_work(run: subprocess.Popen[bytes], scratch: Path) -> list[str]:
    """The workers of a run, once it has put something aside in `scratch`."""
    folder = Path(f"/proc/{run.pid}")
    end = time.monotonic() + 120
    while time.monotonic() < end and run.poll() is None:
        for each in (folder / "fd").iterdir():
            with suppress(FileNotFoundError):
                if str(each.readlink()).startswith(str(scratch)) and each.stat().st_size:
                    return (folder / "task" / str(run.pid) / "children").read_text().split()
        time.sleep(0.02)
    raise AssertionError("nothing was put aside")
