"""Runs of `wiretag tag` that are killed, and go on."""

import json
import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.errors import WiretagError
from models.registry import Registry
from service.archive.assembly import Assembly, Output
from service.archive.chunks import Choices
from service.archive.engine import Pool
from service.archive.journal import Entry, Journal
from service.archive.parts import Part
from tests.archive.deadly import DeadlyChunk
from tests.archive.pages import page, write_pages
from tests.archive.proof import Run, children, digest, prove
from tests.running import WIRETAG

N_PAGES = 1_500
SMALL = ("--chunk-mb", "0.02", "--workers", "2")


def _tag(runner: CliRunner, *arguments: object) -> Result:
    return runner.invoke(wiretag, ["tag", *map(str, arguments)])


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 small documents, one in a thousand of them broken."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(20_000):
            line = json.dumps({"document_id": number, "text": page(number)[60:260]})
            file.write((line[:-1] if number % 1000 == 999 else line) + "\n")
    return path


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages enough that a run is still at it when a test does something to it."""
    path = tmp_path_factory.mktemp("pages") / "pages.jsonl"
    write_pages(path, N_PAGES)
    return path


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet", "out.parquet/"])
def test_a_run_killed_three_times_gives_the_same_bytes(texts: Path, tmp_path: Path, name: str) -> None:
    """kill -9 at random moments: no document lost or doubled, nothing finished done again, nothing under the final name."""
    (tmp_path / "whole").mkdir()
    whole = Run(texts, f"{tmp_path}/whole/{name}", ("--chunk-mb", "0.1", "--workers", "1"))
    killed = Run(texts, f"{tmp_path}/{name}", ("--chunk-mb", "0.1", "--workers", "2"))
    prove(whole, killed, n_chunks=53, n_kills=3, seed=20261122, say=print)
    assert not list(tmp_path.glob(".out*")), "the working folder is gone"


def test_workers_do_not_outlive_a_killed_run(pages: Path, tmp_path: Path) -> None:
    """Nobody has to look for processes that go on by themselves."""
    run = Run(pages, f"{tmp_path}/out.jsonl", (*SMALL, "--as", "page"))
    assert run.kill(1, 0) is not None  # waits until they are gone


def test_a_worker_that_is_killed_is_named_and_replaced(pages: Path, tmp_path: Path) -> None:
    """The kernel's out-of-memory killer takes a worker: the run says so, does its chunk again, and ends well."""
    run = Run(pages, f"{tmp_path}/out.jsonl", (*SMALL, "--as", "page"))
    process = run.start()
    run.lead(process, 1)
    os.kill(_workers(process)[0], signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert "a worker process was killed (SIGKILL)" in said
    assert len(Path(run.out).read_text().splitlines()) == N_PAGES


def test_a_chunk_that_no_worker_survives_ends_the_run() -> None:
    """No endless circle: two workers died over it and nothing was done between them, so it is named."""
    warnings: list[str] = []
    pool = Pool(2, Registry().current_folder(), Choices(), ".jsonl", warnings.append)
    with pytest.raises(WiretagError, match=r"was killed \(SIGKILL\) again, over one of: the deadly chunk; if memory ran out"):
        list(pool([DeadlyChunk(0, ())]))
    assert warnings == ["a worker process was killed (SIGKILL), perhaps for want of memory; its chunk is done again"]


def _workers(process: "subprocess.Popen[str]") -> list[int]:
    """The processes that tag: not the run's own children, but those of the server that forks them."""
    return [pid for pid in children(process.pid) if _parent(pid) not in {None, process.pid}]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return None


def test_what_was_tagged_before_counts(runner: CliRunner, pages: Path, tmp_path: Path) -> None:
    """The last line counts all documents and says how many were done before; a whole output is left alone."""
    out = tmp_path / "out.jsonl"
    n_done = Run(pages, str(out), (*SMALL, "--as", "page")).kill(2, 0)
    done = _tag(runner, pages, "-o", out, *SMALL, "--as", "page", "--resume")
    assert f"{N_PAGES:,} documents tagged ({n_done:,} before)" in done.output
    before = digest(out)
    again = _tag(runner, pages, "-o", out, *SMALL, "--as", "page", "--resume")
    assert again.exit_code == 0
    assert "is whole" in again.output
    assert digest(out) == before


def test_an_input_that_changed_since_is_named(runner: CliRunner, tmp_path: Path) -> None:
    """A resumed run never mixes two states of an input."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_pages(source, N_PAGES)
    Run(source, str(out), (*SMALL, "--as", "page")).kill(1, 0)
    with source.open("a") as file:
        file.write("\n")
    done = _tag(runner, source, "-o", out, *SMALL, "--as", "page", "--resume")
    assert done.exit_code == 1
    assert re.search(rf"{re.escape(str(source))}, bytes [\d,]+ to [\d,]+: changed since the run began", done.output)
    assert not out.exists()


def test_a_run_goes_on_only_as_it_began(runner: CliRunner, pages: Path, tmp_path: Path) -> None:
    """Other options or inputs are another run; without --resume it starts anew."""
    out = tmp_path / "out.jsonl"
    Run(pages, str(out), (*SMALL, "--as", "page")).kill(1, 0)
    done = _tag(runner, pages, "-o", out, *SMALL, "--resume")
    assert done.exit_code == 1
    assert "--resume: the run began with another form (page, now None)" in done.output
    assert _tag(runner, pages, "-o", out, *SMALL).exit_code == 0
    assert not json.loads(out.read_text().splitlines()[0])["segments"]


def test_bytes_that_were_spoilt_are_made_again(runner: CliRunner, pages: Path, tmp_path: Path) -> None:
    """After a power cut a journal may speak of bytes that never reached the disk: they are checked, and made anew."""
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    _tag(runner, pages, "-o", whole, "--as", "page")
    Run(pages, str(out), ("--chunk-mb", "0.02", "--workers", "1", "--as", "page")).kill(4, 0)
    work = Output.of(str(out), (), 1).work
    body = next((work / "parts").iterdir())
    content = bytearray(body.read_bytes())
    content[Journal(work / "journal.jsonl").finished()[0].size + 5] ^= 0xFF
    body.write_bytes(content)
    done = _tag(runner, pages, "-o", out, *SMALL, "--as", "page", "--resume")
    assert done.exit_code == 0, done.output
    assert digest(out) == digest(whole)


@pytest.mark.parametrize("n_placed", range(5))
@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet/"])
def test_a_run_killed_while_parts_find_their_place_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, n_placed: int
) -> None:
    """Parts that waited for an earlier one are placed when the run goes on: they are done, so nobody brings them again."""
    output = Output.of(f"{tmp_path}/{name}", (), 1)
    output.work.mkdir()
    place, placed = Assembly._place, []

    def place_until_killed(assembly: Assembly, entry: Entry, body: bytes) -> None:
        if len(placed) == n_placed:
            raise InterruptedError
        placed.append(entry)
        place(assembly, entry, body)

    parts = [Part(index, f"chunk {index}", 1, b"%d\n" % index, 1, 0) for index in range(5)]
    assembly = Assembly(output)
    assembly.begin({}, resume=False)
    monkeypatch.setattr(Assembly, "_place", place_until_killed)
    with suppress(WiretagError):
        for part in (*parts[1:], parts[0]):
            assembly.keep(part)
    monkeypatch.undo()

    assembly = Assembly(output)
    assembly.begin({}, resume=True)
    for part in parts:
        if not assembly.has(SimpleNamespace(index=part.index, identity=lambda part=part: part.identity)):
            assembly.keep(part)
    assembly.finish()
    files = sorted(output.path.iterdir()) if output.is_folder else [output.path]
    assert b"".join(file.read_bytes() for file in files) == b"0\n1\n2\n3\n4\n"


def test_two_runs_do_not_write_one_output(runner: CliRunner, pages: Path, tmp_path: Path) -> None:
    """The second is told, and the first goes on."""
    out = tmp_path / "out.jsonl"
    run = Run(pages, str(out), (*SMALL, "--as", "page"))
    process = run.start()
    run.lead(process, 1)
    try:
        done = _tag(runner, pages, "-o", out, "--as", "page")
        assert done.exit_code == 1
        assert "another run writes to it" in done.output
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate()
    assert process.returncode == 0


def test_a_run_interrupted_at_the_keyboard_can_go_on(pages: Path, tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal: they end, and nothing is lost."""
    run = Run(pages, f"{tmp_path}/out.jsonl", (*SMALL, "--as", "page"))
    command = [*WIRETAG, "tag", str(run.source), "-o", run.out, *run.options]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background were told to ignore it
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    run.lead(process, 1)
    os.killpg(process.pid, signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "Traceback" not in said
    assert run.finish("--resume")[0] == N_PAGES
