"""Archives as they come: truncated, mixed, far too long, unreadable; and disks that fill up."""

import gzip
import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.errors import InputError
from service.archive import places
from service.archive.chunks import Choices
from service.archive.plan import Plan, read
from tests.archive.pages import page, write_pages
from tests.running import WIRETAG

ROWS = [{"document_id": f"n{n}", "text": page(n)} for n in range(300)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def _tag(runner: CliRunner, *arguments: object) -> Result:
    return runner.invoke(wiretag, ["tag", *map(str, arguments)])


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _parquet(path: Path) -> bytes:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path, row_group_size=50, compression="none")
    return path.read_bytes()


def _gz_records() -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>" + page(1).encode() * 3
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: u:x\r\nContent-Type: application/http\r\nContent-Length: {len(block)}\r\n\r\n"
    return gzip.compress(head.encode() + block + b"\r\n\r\n") * 40


SPOILT: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "jsonl.gz": (lambda path: gzip.compress(LINES)[:-4000], "not a sound compressed file (ends in the midst)"),
    "csv.gz": (lambda path: gzip.compress(b"text\n" + b"some words of no account\n" * 90_000)[:-40], "(ends in the midst)"),
    "jsonl.zst": (lambda path: pyarrow.Codec("zstd").compress(LINES, asbytes=True)[:-4000], "not a sound compressed file"),
    "warc.gz": (lambda path: _gz_records()[:-90], "not a sound compressed file (ends in the midst)"),
    "parquet": (lambda path: _parquet(path)[:-4000], "not a sound Parquet file"),
    "warc": (lambda path: gzip.decompress(_gz_records())[:-90], "not a sound WARC file (ends in the midst)"),
    "other.warc": (lambda path: b"%PDF-1.7 something else" * 9, "not a sound WARC file (it does not begin as one)"),
    "ndjson.gz": (lambda path: LINES, "not a sound compressed file (Not a gzipped file"),
}


@pytest.mark.parametrize("suffix", SPOILT)
def test_a_truncated_input_is_named(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    """Half a file is never taken for a whole one; nothing stands under the final name, what was done is kept."""
    make, message = SPOILT[suffix]
    source = tmp_path / f"in.{suffix}"
    source.write_bytes(make(source))
    done = _tag(runner, source, "-o", tmp_path / "out.jsonl", "--chunk-mb", "0.02")
    assert done.exit_code == 1, done.output
    assert f"{source}: " in done.output
    assert message in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out.jsonl").exists()


def test_a_damaged_page_of_parquet_is_named(runner: CliRunner, tmp_path: Path) -> None:
    """Damage in the midst of a file, where only reading finds it."""
    source = tmp_path / "in.parquet"
    content = bytearray(_parquet(source))
    content[20:400] = bytes(380)
    source.write_bytes(content)
    done = _tag(runner, source, "-o", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert f"{source}: not a sound Parquet file" in done.output


def test_a_truncated_stream_can_be_mended_and_gone_on_with(runner: CliRunner, tmp_path: Path) -> None:
    """What was tagged of a stream before it broke off need not be tagged again when the whole of it has come."""
    source, out = tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl"
    source.write_bytes(gzip.compress(LINES)[:-4000])
    assert _tag(runner, source, "-o", out, "--chunk-mb", "0.02").exit_code == 1
    source.write_bytes(gzip.compress(LINES))
    done = _tag(runner, source, "-o", out, "--chunk-mb", "0.02", "--resume")
    assert done.exit_code == 0, done.output
    assert " before)" in done.output
    assert [row["document_id"] for row in _read(out)] == [row["document_id"] for row in ROWS]


@pytest.mark.parametrize("suffix", ["csv", "tsv.gz", "parquet"])
def test_a_missing_column_is_named_before_anything_is_done(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    """Also when only the last of many files lacks it; the message lists the columns that there are."""
    (tmp_path / "a.jsonl").write_bytes(LINES)
    source = tmp_path / f"b.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.table({"id": [1], "body": ["x"]}), source)
    else:
        table = b"id,body\n1,x\n".replace(b",", b"\t" if "tsv" in suffix else b",")
        source.write_bytes(gzip.compress(table) if suffix.endswith("gz") else table)
    done = _tag(runner, tmp_path, "-o", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert f"{source}: no column 'text'; there are: id, body" in done.output
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv"])
def test_mixed_encodings_spoil_only_the_rows_they_are_in(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    """A row that is not UTF-8 becomes an error in its place, naming its line."""
    texts = [page(n).replace("\n", " ").replace('"', "").encode() for n in range(3)]
    texts[1] = "café, ".encode("latin-1") + texts[1]
    if suffix == "csv":
        content = b"text\n" + b"".join(b'"' + text + b'"\n' for text in texts)
    else:
        content = b"".join(b'{"text": "' + text + b'"}\n' for text in texts)
    source = tmp_path / f"in.{suffix}"
    source.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    done = _tag(runner, source, "-o", tmp_path / "out.jsonl")
    assert done.exit_code == 0, done.output
    results = _read(tmp_path / "out.jsonl")
    assert ["error" in row for row in results] == [False, True, False]
    assert results[1]["error"]["detail"] == f"{source}:{3 if suffix == 'csv' else 2}: not UTF-8; convert the file"


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_a_line_of_200_mb_is_an_error_in_bounded_memory(tmp_path: Path, suffix: str) -> None:
    """It becomes one row, the lines around it are tagged, and no more than a part of it is ever held."""
    source, out = tmp_path / f"in.{suffix}", tmp_path / "out.jsonl"
    opened: Any = {
        "jsonl": lambda: source.open("wb"),
        "jsonl.gz": lambda: gzip.GzipFile(source, "wb", 1),
        "jsonl.zst": lambda: pyarrow.output_stream(str(source), compression="zstd"),
    }[suffix]
    with opened() as file:
        file.write(LINES + b'{"text": "')
        for _ in range(200):
            file.write(b"abcdefghi " * 100_000)
        file.write(b'"}\n' + LINES)
    program = (
        "from pathlib import Path; from models.cli import wiretag\n"
        "try: wiretag()\n"
        "finally: print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"  # the program's own, not what it was forked from had
    )
    command = [*WIRETAG[:1], "-c", program, "tag", str(source), "-o", str(out), "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    results = _read(out)
    assert [("error" in row) for row in results] == [False] * 300 + [True] + [False] * 300
    assert "the line is over 16,000,000 bytes" in results[300]["error"]["detail"]
    assert int(done.stdout) < 300_000


def test_a_field_of_a_table_that_never_ends_is_named(runner: CliRunner, tmp_path: Path) -> None:
    """A quote that is not closed does not swallow the rest of an archive."""
    source = tmp_path / "in.csv"
    source.write_bytes(b'text\nfine\n"never closed\n' + b"and so on and so on\n" * 900_000)
    done = _tag(runner, source, "-o", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert "not readable as a table (field larger than field limit" in done.output


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without root's right to read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_must_not_be_read_is_named() -> None:
    """A folder without permission ends the plan; a file without becomes a row with its error."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir(mode=0)
        (folder / "a.txt").write_text("words")
        (folder / "a.txt").chmod(0)
        folder.chmod(0o755)
        plan = Plan((f"{folder}/a.txt",), Choices())
        with _as_nobody():
            with pytest.raises(InputError, match=r"closed: cannot be read \(Permission denied\)"):
                list(places.find(name))
            (row,) = read(next(plan.chunks()), plan.choices)
        assert row.error.startswith("cannot be read (Permission denied)")
        (folder / "closed").chmod(0o700)


def _little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_file_that_cannot_grow_ends_the_run(runner: CliRunner, tmp_path: Path, name: str) -> None:
    """The output is named, nothing stands under its name, and the run goes on once there is room."""
    source, out = tmp_path / "in.jsonl", tmp_path / name
    write_pages(source, 300)
    options = (source, "-o", out, "--as", "page", "--workers", "1", "--chunk-mb", "0.004")
    command = [*WIRETAG, "tag", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=_little_room, check=False)
    assert done.returncode == 1
    assert f"{out}: cannot be written (File too large)" in done.stderr
    assert "--resume goes on" in done.stderr
    assert not out.exists()
    again = _tag(runner, *options, "--resume")
    assert again.exit_code == 0, again.output
    assert "300 documents tagged (" in again.output


def test_a_full_disk_ends_the_run(runner: CliRunner, tmp_path: Path) -> None:
    """The same on a real disk of a quarter of a megabyte: named, nothing half-written, and it can go on with more room."""
    disk, source = tmp_path / "disk", tmp_path / "in.jsonl"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk here")
    try:
        write_pages(source, 300)
        options = (source, "-o", disk / "out.jsonl", "--as", "page", "--chunk-mb", "0.02", "--workers", "1")
        done = _tag(runner, *options)
        assert done.exit_code == 1
        assert f"{disk}/out.jsonl: cannot be written (No space left on device)" in done.output
        assert not (disk / "out.jsonl").exists()
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert _tag(runner, *options, "--resume").exit_code == 0
        assert len(_read(disk / "out.jsonl")) == 300
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_input_that_changes_during_the_run_is_named(tmp_path: Path) -> None:
    """Two states of a file never make one output."""
    source = tmp_path / "in.jsonl"
    write_pages(source, 300)
    plan = Plan((str(source),), Choices(chunk_bytes=20_000))
    chunks = list(plan.chunks())
    assert len(list(read(chunks[0], plan.choices))) > 10
    with source.open("a") as file:
        file.write("more\n")
    with pytest.raises(InputError, match="changed during the run"):
        list(read(chunks[1], plan.choices))


def test_fail_fast_stops_at_the_first_bad_document(runner: CliRunner, tmp_path: Path) -> None:
    """For those who would rather mend than count."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(LINES + b"[]\n")
    done = _tag(runner, source, "-o", tmp_path / "out.jsonl", "--fail-fast")
    assert done.exit_code == 1
    assert f"{source}:301: not a row of named fields" in done.output
    assert not (tmp_path / "out.jsonl").exists()


def test_a_document_that_breaks_the_tagger_is_a_row(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours in one document of millions does not end the run."""
    from service.archive import tagging

    def breaking(release: object, document: Any) -> Any:
        if document.document_id == "n7":
            raise RecursionError
        return real(release, document)

    real = tagging.tag_text
    monkeypatch.setattr(tagging, "tag_text", breaking)
    (tmp_path / "in.jsonl").write_bytes(LINES)
    done = _tag(runner, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--workers", "1")
    assert "300 documents tagged, 1 could not be used" in done.output
    assert "could not be tagged (RecursionError)" in _read(tmp_path / "out.jsonl")[7]["error"]["detail"]


def test_a_folder_that_holds_something_is_not_replaced(runner: CliRunner, tmp_path: Path) -> None:
    """Nobody loses a folder to a slip of -o."""
    (tmp_path / "in.jsonl").write_bytes(LINES)
    (tmp_path / "out.parquet").mkdir()
    (tmp_path / "out.parquet" / "precious").touch()
    done = _tag(runner, tmp_path / "in.jsonl", "-o", f"{tmp_path}/out.parquet/")
    assert done.exit_code == 1
    assert "there is something already" in done.output
    assert (tmp_path / "out.parquet" / "precious").exists()


def test_results_are_not_written_to_a_url(runner: CliRunner, tmp_path: Path) -> None:
    """A store has no renames: the remedy is named, and no folder `s3:` appears."""
    (tmp_path / "in.jsonl").write_bytes(LINES)
    done = _tag(runner, tmp_path / "in.jsonl", "-o", "s3://bucket/out.jsonl?key=secret")
    assert done.exit_code == 1
    assert "s3://bucket/out.jsonl: results are put together on a disk" in done.output
    assert "secret" not in done.output
