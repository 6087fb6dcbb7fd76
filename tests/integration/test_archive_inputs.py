"""What `wiretag tag` reads and writes."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from tests.archive.pages import page

Rows = list[dict[str, Any]]


def _tag(runner: CliRunner, *arguments: object) -> Result:
    done = runner.invoke(wiretag, ["tag", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def _read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Rows with line breaks, quotes, commas and other columns in them; some without an id or a headline."""
    found = []
    for number in range(200):
        text = page(number) + '\nHe said "no", twice,\r\nand left.'
        row = {"id": f"n{number}", "headline": None if number % 3 else f"Case, {number}", "text": text, "source": "Ø wire"}
        found.append(row)
    return found


def _json_lines(rows: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _table(rows: Rows, delimiter: str, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


WRITERS: dict[str, Callable[[Rows, Path], object]] = {
    "jsonl": lambda rows, path: path.write_bytes(b"\xef\xbb\xbf" + _json_lines(rows)),
    "ndjson": lambda rows, path: path.write_bytes(_json_lines(rows).replace(b"\n", b"\r\n\n").rstrip()),
    "jsonl.gz": lambda rows, path: path.write_bytes(  # of several members, as log shippers write them
        gzip.compress(_json_lines(rows[:50])) + gzip.compress(_json_lines(rows[50:]))
    ),
    "jsonl.zst": lambda rows, path: path.write_bytes(
        b"".join(pyarrow.Codec("zstd").compress(_json_lines(part), asbytes=True) for part in (rows[:50], rows[50:]))
    ),
    "csv": lambda rows, path: _table(rows, ",", path),
    "tsv": lambda rows, path: _table(rows, "\t", path),
    "csv.gz": lambda rows, path: (
        _table(rows, ",", path.with_suffix(".plain")),
        path.write_bytes(gzip.compress(path.with_suffix(".plain").read_bytes())),
    ),
    "parquet": lambda rows, path: pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=70),
}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("chunk_mb", [8, 0.03])
def test_every_kind_of_table_gives_the_same_results(
    runner: CliRunner, tmp_path: Path, rows: Rows, suffix: str, chunk_mb: float
) -> None:
    """Whatever holds the rows and however they are cut, results are the same, with ids, order and the columns to keep."""
    source, plain = tmp_path / f"in.{suffix}", tmp_path / "plain.jsonl"
    WRITERS[suffix](rows, source)
    plain.write_bytes(_json_lines(rows))
    options = ("--id-column", "id", "--keep", "source", "--keep", "id", "--workers", "1")
    _tag(runner, plain, "-o", tmp_path / "plain-out.jsonl", *options)
    _tag(runner, source, "-o", tmp_path / "out.jsonl", *options, "--chunk-mb", chunk_mb)
    results = _read(tmp_path / "out.jsonl")
    assert results == _read(tmp_path / "plain-out.jsonl")
    assert [row["document_id"] for row in results] == [row["id"] for row in rows]
    assert {row["source"] for row in results} == {"Ø wire"}
    assert sum(bool(row["topics"]) for row in results) > 100


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.parquet", "o.jsonl/", "o.jsonl.gz/", "o.parquet/"])
def test_every_form_of_output_holds_the_same_results(runner: CliRunner, tmp_path: Path, rows: Rows, name: str) -> None:
    """One file or a folder of them, compressed or not, in columns or lines; pandas and DuckDB read each as it is."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(_json_lines(rows) + b"{broken\n")
    options = ("--id-column", "id", "--as", "page", "--keep", "source", "--chunk-mb", "0.02")
    _tag(runner, source, "-o", tmp_path / "plain.jsonl", *options)
    _tag(runner, source, "-o", f"{tmp_path}/{name}", *options)
    expected = _read(tmp_path / "plain.jsonl")
    out = tmp_path / name
    assert out.is_dir() == name.endswith("/")
    if "parquet" in name:
        found = pyarrow.parquet.read_table(out).to_pylist()
        assert [row["segments"] and len(row["segments"]) for row in found] == [
            len(row["segments"]) if "segments" in row else None for row in expected
        ]
    else:
        files = sorted(out.iterdir()) if out.is_dir() else [out]
        with pyarrow.input_stream(files[0], compression={".gz": "gzip", ".zst": "zstd"}.get(files[0].suffix)) as stream:
            found = [json.loads(line) for line in stream.read().splitlines()]
        assert found == expected
    for key in ("document_id", "source", "topics", "none"):
        assert [row.get(key) for row in found] == [row.get(key) for row in expected]
    assert "not JSON" in found[-1]["error"]["detail"]


def test_an_output_without_documents_is_still_one(runner: CliRunner, tmp_path: Path) -> None:
    """An empty input gives an empty table, which programs can read."""
    (tmp_path / "in.jsonl").write_text("\n")
    _tag(runner, tmp_path / "in.jsonl", "-o", tmp_path / "out.parquet")
    _tag(runner, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").num_rows == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_folders_and_globs_are_read_by_name(runner: CliRunner, tmp_path: Path) -> None:
    """All files of known kinds below a folder, hidden ones left out; what a glob matches, in order."""
    for name in ("b/2.txt", "a.txt", "b/1.html", "c.md", ".hidden.txt", "d.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<p>{page(1)}</p>" if name.endswith("html") else page(2))
    (tmp_path / "in" / "c.jsonl").write_text(json.dumps({"text": page(3), "document_id": "row"}))
    _tag(runner, tmp_path / "in", "-o", tmp_path / "out.jsonl")
    names = [row["document_id"].removeprefix(f"{tmp_path}/in/") for row in _read(tmp_path / "out.jsonl")]
    assert names == ["a.txt", "b/1.html", "b/2.txt", "row", "d.txt"]
    _tag(runner, f"{tmp_path}/in/**/*.txt", "-o", tmp_path / "out.jsonl")
    assert [Path(row["document_id"]).name for row in _read(tmp_path / "out.jsonl")] == ["a.txt", "2.txt", "d.txt"]


def test_object_stores_are_read_by_url(runner: CliRunner, tmp_path: Path, rows: Rows) -> None:
    """Files, folders and globs of a store that fsspec knows; what stands behind `?` in a URL is never shown."""
    store = fsspec.filesystem("memory")
    try:
        store.pipe({f"/desk/{n}.jsonl": _json_lines(rows[n * 100 : n * 100 + 100]) for n in range(2)})
        store.pipe("/desk/x.html", f"<p>{page(1)}</p>".encode())
        for given in ("memory://desk", "memory://desk/*"):
            _tag(runner, given, "-o", tmp_path / "out.jsonl", "--id-column", "id", "--workers", "1", "--chunk-mb", "0.02")
            results = _read(tmp_path / "out.jsonl")
            assert [row["document_id"] for row in results] == [*(row["id"] for row in rows), "memory:///desk/x.html"]
        missing = runner.invoke(wiretag, ["tag", "memory://desk/none.jsonl?key=secret", "-o", f"{tmp_path}/o.jsonl"])
        assert missing.exit_code == 1
        assert "memory://desk/none.jsonl: no such file" in missing.output
        assert "secret" not in missing.output
    finally:
        store.rm("/desk", recursive=True)


def _warc(pages: list[tuple[str, str, bytes]]) -> list[bytes]:
    """The records of a web archive: URL, content type and body each, a request before every answer."""
    found = []
    for number, (url, content_type, body) in enumerate(pages):
        answer = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        for kind, block in (("request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), ("response", answer)):
            head = (
                f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2025-05-0{number % 9 + 1}T00:00:00Z\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012}>\r\n"
                f"Content-Type: application/http; msgtype={kind}\r\nContent-Length: {len(block)}\r\n\r\n"
            )
            found.append(head.encode() + block + b"\r\n\r\n")
    return found


@pytest.mark.parametrize("suffix", ["warc", "warc.gz"])
def test_web_archives_are_read(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    """Every answer that is a page becomes a document named by its URL, in the characters that it was sent in."""
    story = "La Unión Europea: the European Union imposed sanctions on the bank, froze its assets and extended the oil embargo."
    pages = [
        ("https://a.test/1", "text/html; charset=utf-8", f"<p>{story}</p>".encode()),
        ("https://a.test/2", "text/html; charset=iso-8859-1", f"<p>{story}</p>".encode("latin-1")),
        ("https://a.test/3", "text/html", f'<meta charset="windows-1251"><p>Привет. {story}</p>'.encode("cp1251", "replace")),
        ("https://a.test/p.png", "image/png", b"\x89PNG"),
        ("https://a.test/4", "text/plain", story.encode()),
        ("https://a.test/5", "text/html", b" "),
    ]
    records = _warc(pages)
    source = tmp_path / f"in.{suffix}"
    source.write_bytes(b"".join(gzip.compress(record) for record in records) if suffix.endswith("gz") else b"".join(records))
    done = _tag(runner, source, "-o", tmp_path / "out.jsonl", "--keep", "date", "--chunk-mb", "0.001")
    results = _read(tmp_path / "out.jsonl")
    assert [row["document_id"][-1] for row in results] == ["1", "2", "3", "4", "5"]
    assert "Unión" in results[1]["page"]
    assert "Привет" in results[2]["page"]
    assert results[0]["date"] == "2025-05-01T00:00:00Z"
    assert [bool(row.get("topics")) for row in results] == [True] * 4 + [False]
    assert "1 could not be used" in done.output


def test_columns_to_keep_must_not_hide_results(runner: CliRunner, tmp_path: Path) -> None:
    """A column named as one of the results' own is refused before anything is done."""
    (tmp_path / "in.jsonl").write_text("{}")
    done = runner.invoke(wiretag, ["tag", f"{tmp_path}/in.jsonl", "-o", f"{tmp_path}/o.jsonl", "--keep", "topics"])
    assert done.exit_code == 1
    assert "--keep topics: results have a column of this name" in done.output
