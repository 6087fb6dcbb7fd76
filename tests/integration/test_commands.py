"""The commands people run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.registry import Registry

PAGES = Path(__file__).resolve().parents[1] / "data" / "pages"
TEXT = "The European Union imposed sanctions on the bank, froze its assets and extended the oil embargo, the Council said on Monday."
WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]


def _run(runner: CliRunner, *arguments: object) -> Result:
    return runner.invoke(wiretag, [str(argument) for argument in arguments])


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_help_is_quick() -> None:
    """Heavy imports wait until they are needed: the help needs less than 0.3 s of CPU."""
    before = os.times()
    done = subprocess.run([*WIRETAG, "--help"], capture_output=True, text=True, check=True)
    after = os.times()
    assert {"serve", "classify", "tag", "train", "evaluate", "models", "corpus"} <= set(done.stdout.split())
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.3


def test_classify_prints_for_people(runner: CliRunner) -> None:
    """A page at the terminal: every segment with its topics, the words that decided on request."""
    shown = _run(runner, "classify", PAGES / "cards.txt", "--explain")
    assert shown.exit_code == 0
    assert "Fishing fleet stays in port" in shown.output
    assert "(Coast Courier · 2 hours ago)" in shown.output
    assert "no topic (below_threshold)" in shown.output
    piped = runner.invoke(wiretag, ["classify", "--as", "text", "--json"], input=TEXT)
    assert json.loads(piped.output)["topics"][0]["topic"] == "sanctions"


def test_classify_cannot_steer_the_terminal(runner: CliRunner) -> None:
    """Control characters of a hostile page are not printed."""
    shown = runner.invoke(wiretag, ["classify"], input="\x1b[31mRed headline over the bridge\n" + TEXT)
    assert "\x1b" not in shown.output


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "parquet"])
def test_tag_reads_tables_and_keeps_order(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    """Ids and order of the input stand in the output; a row that cannot be used is an error in its place."""
    rows = [
        {"document_id": f"n{n}", "headline": "EU news" if n else None, "text": text}
        for n, text in enumerate([TEXT, " ", "Rain fell."])
    ]
    source, out = tmp_path / f"in.{suffix}", tmp_path / "out.jsonl"
    if suffix == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == "parquet":
        import pyarrow

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), source)
    else:
        gap = "," if suffix == "csv" else "\t"
        quoted = [[row["document_id"] or "", row["headline"] or "", f'"{row["text"]}"'] for row in rows]
        source.write_text("\n".join(gap.join(cells) for cells in [["document_id", "headline", "text"], *quoted]) + "\n")
    done = _run(runner, "tag", source, "-o", out)
    assert done.exit_code == 0, done.output
    assert "3 documents tagged, 1 could not be used" in done.output
    results = _rows(out)
    assert [row["document_id"] for row in results] == ["n0", "n1", "n2"]
    assert results[0]["topics"][0]["topic"] == "sanctions"
    assert "empty or blank" in results[1]["error"]["detail"]


def test_tag_reads_folders_of_pages(runner: CliRunner, tmp_path: Path) -> None:
    """A folder of texts and HTML files is as good as a table; Parquet out carries the segments."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text((PAGES / "cards.txt").read_text())
    (tmp_path / "in" / "b.html").write_text(f"<h1>Bank under sanctions</h1><p>{TEXT}</p>")
    done = _run(runner, "tag", tmp_path / "in", "--as", "page", "-o", tmp_path / "out.parquet")
    assert done.exit_code == 0, done.output
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [Path(row["document_id"]).name for row in table] == ["a.txt", "b.html"]
    assert [segment["role"] for segment in table[0]["segments"]] == ["main", "related", "related"]
    assert _run(runner, "tag", tmp_path / "in" / "b.html", "-o", tmp_path / "out.jsonl").exit_code == 0
    assert _rows(tmp_path / "out.jsonl")[0]["segments"][0]["headline"] == "Bank under sanctions"


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_tag_marks_near_duplicates_on_request(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    """A story that two files carry is marked with the first one's id; a column holds ids and indices alike."""
    page = (PAGES / "cards.txt").read_text()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(page)
    (tmp_path / "in" / "b.txt").write_text(page)
    out = tmp_path / f"out.{suffix}"
    done = _run(runner, "tag", tmp_path / "in", "--as", "page", "--duplicates", "-o", out)
    assert done.exit_code == 0, done.output
    first, second = _rows(out) if suffix == "jsonl" else pyarrow.parquet.read_table(out).to_pylist()
    assert {segment["duplicate_of"] for segment in first["segments"]} == {None}
    assert {Path(segment["duplicate_of"]).name for segment in second["segments"]} == {"a.txt"}


def test_tag_writes_whole_files_or_nothing(runner: CliRunner, tmp_path: Path) -> None:
    """A run that fails half-way leaves neither a half file nor a spoilt old one."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"text": TEXT}) + "\n{broken\n")
    out.write_text("old\n")
    done = _run(runner, "tag", source, "-o", out, "--fail-fast")
    assert done.exit_code == 1
    assert f"{source}:2: not JSON" in done.output
    assert out.read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_tag_killed_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    """kill -9 in the midst of a run leaves no output that looks finished."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text((json.dumps({"text": TEXT * 20}) + "\n") * 20_000)
    process = subprocess.Popen([*WIRETAG, "tag", str(source), "-o", str(out)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".out.jsonl.*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert list(tmp_path.glob(".out.jsonl.*"))
    assert not out.exists()


FAULTS: dict[str, tuple[list[str], int, str]] = {
    "no such command": (["colour"], 2, "No such command"),
    "unknown option": (["tag", "x.jsonl", "--colour"], 2, "No such option"),
    "missing output": (["tag", "x.jsonl"], 2, "Missing option"),
    "bad form": (["classify", "--as", "colour"], 2, "is not one of"),
    "missing file": (["classify", "{tmp}/none.txt"], 1, "none.txt: cannot be read"),
    "blank file": (["classify", "{tmp}/blank.txt"], 1, "blank.txt: the text is empty or blank"),
    "not UTF-8": (["classify", "{tmp}/latin.txt"], 1, "latin.txt: not UTF-8 (byte 3)"),
    "missing model": (["classify", "{tmp}/text.txt", "--model", "{tmp}/none"], 1, "none: no model here"),
    "foreign model": (
        ["classify", "{tmp}/text.txt", "--model", "{tmp}/foreign"],
        1,
        "foreign/manifest.json: not a Wiretag model",
    ),
    "missing input": (["tag", "{tmp}/none.jsonl", "-o", "{tmp}/o.jsonl"], 1, "none.jsonl: no such file"),
    "unknown kind": (["tag", "{tmp}/x.docx", "-o", "{tmp}/o.jsonl"], 1, "cannot tell what this is"),
    "empty folder": (["tag", "{tmp}/folder", "-o", "{tmp}/o.jsonl"], 1, "no documents in this folder"),
    "no column": (["tag", "{tmp}/nocolumn.csv", "-o", "{tmp}/o.jsonl"], 1, "nocolumn.csv: no column 'text'"),
    "no field": (["tag", "{tmp}/nofield.jsonl", "-o", "{tmp}/o.jsonl", "--fail-fast"], 1, "nofield.jsonl:1: no 'text'"),
    "not Parquet": (
        ["tag", "{tmp}/bad.parquet", "-o", "{tmp}/o.jsonl"],
        1,
        "bad.parquet: not a sound Parquet file",
    ),
    "unknown output": (
        ["tag", "{tmp}/good.jsonl", "-o", "{tmp}/o.xml"],
        1,
        "write results to a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file",
    ),
    "no output folder": (["tag", "{tmp}/good.jsonl", "-o", "{tmp}/none/o.jsonl"], 1, "cannot be written"),
    "missing corpus": (
        ["train", "--corpus", "{tmp}/none.jsonl", "--registry", "{tmp}/r"],
        1,
        "none.jsonl: no such file",
    ),
    "missing recipe": (
        ["train", "--recipe", "{tmp}/none.toml", "--registry", "{tmp}/r"],
        1,
        "none.toml: no such recipe",
    ),
    "bad measure": (["train", "--measure", "x", "--registry", "{tmp}/r"], 2, "write NAME=FILE"),
    "bad corpus": (["corpus", "check", "{tmp}/nofield.jsonl"], 1, "nofield.jsonl:1: 'id' must be"),
    "unknown version": (["models", "activate", "x"], 1, "x: no such model version"),
    "bad address": (["serve", "--bind", "nowhere"], 1, "--bind nowhere: write HOST:PORT"),
    "bad prior": (["serve"], 1, "WIRETAG_PRIOR: 'x' is not TOPIC=SHARE"),
    "unknown prior": (["serve"], 1, "prior of 'colour': the model has no such topic"),
    "bad workers": (["serve", "--workers", "0"], 1, "WIRETAG_WORKERS: 0 is too small"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_failures_name_the_input_and_leave_with_the_right_status(tmp_path: Path, case: str) -> None:
    """1 the work failed, 2 wrong use; one line on standard error; no traceback; nothing written."""
    for name, content in {
        "blank.txt": " \n",
        "latin.txt": "caf\udce9",
        "text.txt": TEXT,
        "x.docx": "x",
        "nocolumn.csv": "id,body\n1,x\n",
        "nofield.jsonl": '{"body": "x"}\n',
        "bad.parquet": "PAR1 no",
        "good.jsonl": json.dumps({"text": TEXT}) + "\n",
    }.items():
        (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "manifest.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    arguments, status, message = FAULTS[case]
    environment = {"bad prior": {"WIRETAG_PRIOR": "x"}, "unknown prior": {"WIRETAG_PRIOR": "colour=0.1"}}.get(case)
    done = CliRunner().invoke(wiretag, [argument.replace("{tmp}", str(tmp_path)) for argument in arguments], env=environment)
    assert done.exit_code == status, done.output
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before
    if status == 1:
        assert done.stderr.strip().splitlines()[-1].startswith("wiretag: ")


def test_models_commands(runner: CliRunner, desk_registry: Registry) -> None:
    """The registry can be listed, shown, verified and switched from the command line."""
    (version,) = desk_registry.versions()
    where = ["models", "--registry", desk_registry.root]
    assert _run(runner, *where, "list").output == f"* {version}\n"
    assert f"# Wiretag model {version}" in _run(runner, *where, "show").output
    assert _run(runner, *where, "verify").output == f"{version}: sound\n"
    assert _run(runner, *where, "activate", version).exit_code == 0
    assert _run(runner, *where, "rollback").exit_code == 1


def test_the_shipped_models_are_sound(runner: CliRunner) -> None:
    """Every release in the repository loads and passes its self-test."""
    done = _run(runner, "models", "verify")
    assert done.exit_code == 0, done.output
    assert all(line.endswith(": sound") for line in done.output.splitlines())


def test_training_without_its_libraries_says_what_to_install(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `make serve` alone, `wiretag train` names the remedy instead of a traceback."""
    for name in [name for name in sys.modules if name.split(".")[0] in {"training", "sklearn", "joblib"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "joblib", None)
    done = _run(runner, "train", "--corpus", "nowhere.jsonl")
    assert done.exit_code == 1
    assert "this command needs joblib" in done.stderr
    assert "wiretag[train]" in done.stderr
