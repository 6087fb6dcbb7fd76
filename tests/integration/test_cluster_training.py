"""Training on a Dask cluster."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.cli import wiretag
from models.registry import Registry
from tests.cluster import Cluster, cluster
from tests.running import free_port

pytest.importorskip("distributed")

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers."""
    with cluster(tmp_path_factory.mktemp("dask")) as made:
        yield made


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_trained_on_the_cluster_is_the_same(
    runner: CliRunner, shared: Cluster, desk: Path, desk_registry: Registry, tmp_path: Path
) -> None:
    """Every file of the release, byte for byte; the folds were fitted by the workers."""
    arguments = ["train", "--corpus", str(desk / "segments.jsonl"), "--topics", str(DATA / "topics.toml")]
    done = runner.invoke(wiretag, [*arguments, "--registry", str(tmp_path), "--scheduler", shared.url])
    assert done.exit_code == 0, done.output
    assert _files(Registry(tmp_path).current_folder()) == _files(desk_registry.current_folder())
    assert _n_steps(shared) > 0


def test_a_retraining_on_the_cluster_finds_the_same(runner: CliRunner, shared: Cluster, desk: Path, tmp_path: Path) -> None:
    """Folds and learning curve run on the workers; the report is that of this machine."""
    reports = []
    for name, options in (("here", []), ("there", ["--scheduler", shared.url])):
        registry = tmp_path / name
        common = ["--registry", str(registry), "--corpus", str(desk / "segments.jsonl"), "--no-corrections", "--force"]
        before = _n_steps(shared)
        done = runner.invoke(
            wiretag, ["retrain", *common, "--topics", str(DATA / "topics.toml"), *options, "--json"], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        assert (_n_steps(shared) > before) == bool(options)
        reports.append(json.loads(done.output))
    for report in reports:
        del report["started"], report["seconds"]
    assert reports[0] == reports[1]


def test_a_scheduler_that_is_not_there_is_named(runner: CliRunner, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address ends the training before it begins."""
    monkeypatch.setattr("training.cluster._TIMEOUT", 1)
    url = f"tcp://127.0.0.1:{free_port()}"
    topics = ["--corpus", str(desk / "segments.jsonl"), "--topics", str(DATA / "topics.toml")]
    done = runner.invoke(wiretag, ["train", *topics, "--scheduler", url])
    assert done.exit_code == 1
    assert f"{url}: no Dask scheduler answers here" in done.output


def _n_steps(shared: Cluster) -> int:
    """How often the scheduler has moved a task on so far."""
    from distributed import Client

    with Client(shared.url, set_as_default=False) as client:
        return int(client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter))
