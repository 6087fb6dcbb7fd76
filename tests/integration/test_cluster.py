"""Bulk tagging on a Dask cluster: a real scheduler and several worker processes."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.cli import wiretag
from models.errors import InputError, WiretagError
from models.registry import named_folder
from models.release import Release
from service.archive.chunks import Choices
from service.archive.dask_engine import Cluster as Engine
from service.archive.parts import Part
from service.archive.plan import Plan
from service.archive.tagging import tag_chunk
from tests.cluster import Cluster, cluster
from tests.running import free_port

pytest.importorskip("distributed")

TEXT = "The European Union imposed sanctions on the bank, froze its assets and extended the oil embargo, the Council said on Monday."
CHOICES = Choices(chunk_bytes=4_000)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers."""
    with cluster(tmp_path_factory.mktemp("dask")) as made:
        yield made


@pytest.fixture
def archive(tmp_path: Path) -> Plan:
    """Some 60 chunks, and a document among them that cannot be used."""
    rows = [{"document_id": f"n{n}", "text": f"{TEXT} Report {n}." if n != 700 else " "} for n in range(1_500)]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Plan((str(source),), CHOICES)


def _engine(url: str) -> Engine:
    return Engine(url, named_folder(None), CHOICES, ".jsonl")


def _local(plan: Plan, release: Release) -> list[Part]:
    return [tag_chunk(chunk, release, CHOICES, ".jsonl") for chunk in plan.chunks()]


def _sorted(parts: Iterator[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: part.index)


def test_the_cluster_makes_the_same_parts(shared: Cluster, archive: Plan, release: Release) -> None:
    """Byte for byte what this machine makes, errors included, and each chunk once."""
    expected = _local(archive, release)
    assert len(expected) > 50
    assert sum(part.n_failed for part in expected) == 1
    assert _sorted(_engine(shared.url)(archive.chunks())) == expected


def test_a_worker_that_is_killed_is_not_missed(tmp_path: Path, archive: Plan, release: Release) -> None:
    """The work of a lost worker, done and undone, is done by the others; one that comes later gets the model and works too."""
    with cluster(tmp_path) as own:
        parts = _engine(own.url)(archive.chunks())
        found = [next(parts) for _ in range(5)]
        own.workers[0].send_signal(signal.SIGKILL)
        own.add_worker()
        assert _sorted(iter([*found, *parts])) == _local(archive, release)


def test_bytes_of_streams_travel_with_their_chunks(shared: Cluster, archive: Plan, release: Release, tmp_path: Path) -> None:
    """A compressed input is read once, here; the workers need not see it."""
    import gzip

    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(archive.inputs[0]).read_bytes()))
    plan = Plan((str(packed),), CHOICES)
    assert _sorted(_engine(shared.url)(plan.chunks())) == _local(plan, release)


def test_an_input_that_fails_is_named_and_what_came_before_is_kept(shared: Cluster, archive: Plan, tmp_path: Path) -> None:
    """The fault of an input is the same as on this machine; the parts of the chunks before it come first."""
    chunks = list(archive.chunks())

    def breaking() -> Iterator[object]:
        yield from chunks[:3]
        raise InputError("in.jsonl.gz: broken off")

    parts = _engine(shared.url)(breaking())  # type: ignore[arg-type] # chunks they are
    assert {next(parts).index for _ in range(3)} == {0, 1, 2}
    with pytest.raises(InputError, match="broken off"):
        next(parts)
    Path(archive.inputs[0]).unlink()
    with pytest.raises(InputError, match="no such file"):
        list(_engine(shared.url)(chunks))


def test_relative_paths_are_refused(shared: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker elsewhere would look in another folder."""
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text(json.dumps({"text": TEXT}) + "\n")
    with pytest.raises(InputError, match=r"in\.jsonl: workers read it themselves; name it in full"):
        list(_engine(shared.url)(Plan(("in.jsonl",), CHOICES).chunks()))


def test_a_worker_that_is_another_program_is_refused(tmp_path: Path, archive: Plan) -> None:
    """Results of one run come from one program and one kernel."""
    from models import kernels

    if kernels.name() == "reference":
        pytest.skip("the kernel is not compiled here")
    with cluster(tmp_path, n_workers=0) as own:
        own.add_worker(WIRETAG_KERNEL="reference")
        with pytest.raises(WiretagError, match=r"with the kernel reference, this run .* kernel compiled; install the same"):
            list(_engine(own.url)(archive.chunks()))


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_the_command_writes_the_same_file_on_both_engines(
    runner: CliRunner, shared: Cluster, archive: Plan, tmp_path: Path, name: str
) -> None:
    """`wiretag tag` with `--engine dask`, near-duplicates marked: byte for byte the local engine's output."""
    common = ["tag", *archive.inputs, "--dedupe", "--chunk-mb", "0.02"]
    for arguments in (
        ["-o", f"{tmp_path}/dask-{name}", "--engine", "dask", "--scheduler", shared.url],
        ["-o", f"{tmp_path}/{name}"],
    ):
        done = runner.invoke(wiretag, [*common, *arguments])
        assert done.exit_code == 0, done.output
    assert (tmp_path / f"dask-{name}").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("options", [["--engine", "dask"], ["--scheduler", "tcp://127.0.0.1:8786"]])
def test_engine_and_scheduler_go_together(runner: CliRunner, options: list[str]) -> None:
    """Half an instruction is wrong use, not a guess."""
    assert runner.invoke(wiretag, ["tag", "in.jsonl", "-o", "out.jsonl", *options]).exit_code == 2


def test_a_scheduler_that_is_not_there_is_named(archive: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address ends the run with a line, not a trace."""
    monkeypatch.setattr("service.archive.dask_engine._TIMEOUT", 1)
    with pytest.raises(InputError, match=r"tcp://127.0.0.1:\d+: no Dask scheduler answers here"):
        list(_engine(f"tcp://127.0.0.1:{free_port()}")(archive.chunks()))


def test_a_scheduler_without_workers_is_named(tmp_path: Path, archive: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run does not wait for ever for workers that nobody started."""
    monkeypatch.setattr("service.archive.dask_engine._TIMEOUT", 2)
    with cluster(tmp_path, n_workers=0) as own, pytest.raises(InputError, match="the scheduler has no workers"):
        list(_engine(own.url)(archive.chunks()))
