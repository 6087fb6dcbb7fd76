"""Files of documents in, files of results out, for `wiretag tag`."""

import csv
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from models.errors import InputError
from models.pipeline import Document, Form, Json

TABLES = {".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"}
TEXTS = {".txt": Form.TEXT, ".html": Form.HTML, ".htm": Form.HTML}
_BATCH = 1_000  # rows of Parquet held at a time


class ResultWriter(Protocol):
    """Takes results one by one."""

    def write(self, result: Json) -> None:
        """Add one result."""


def find_inputs(paths: Sequence[Path]) -> list[Path]:
    """The files to read: files as given, of folders every file of a kind we know, sorted by name.

    Raises `InputError` for a path that is missing or of an unknown kind.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in TABLES | TEXTS.keys())
            if not inside:
                raise InputError(f"{path}: no documents in this folder; it may hold {_kinds()}")
            found.extend(inside)
        elif not path.exists():
            raise InputError(f"{path}: no such file")
        elif path.suffix.lower() not in TABLES | TEXTS.keys():
            raise InputError(f"{path}: cannot tell what this is; name it {_kinds()}")
        else:
            found.append(path)
    return found


def read_documents(path: Path, form: Form | None) -> Iterator[Document]:
    """The documents of one file. Raises `InputError` naming the file, the line and the remedy.

    `form` says what a row's text is; None takes rows for text and HTML files for HTML.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in TEXTS:
            yield Document(path.read_text(encoding="utf-8"), form or TEXTS[suffix], None, str(path))
        elif suffix == ".parquet":
            yield from (_document(row, f"{path}: row {n}", form) for n, row in _parquet_rows(path))
        elif suffix in {".csv", ".tsv"}:
            yield from (_document(row, f"{path}:{n}", form) for n, row in _csv_rows(path))
        else:
            yield from (_document(row, f"{path}:{n}", form) for n, row in _json_rows(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); convert the file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


@contextmanager
def whole_file(target: Path) -> Iterator[ResultWriter]:
    """A writer whose file appears under its name only when all of it was written; the suffix tells JSONL from Parquet."""
    kind = target.suffix.lower()
    if kind not in {".jsonl", ".ndjson", ".parquet"}:
        raise InputError(f"{target}: write results to a .jsonl or .parquet file")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from None
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            writer = _ParquetWriter(file) if kind == ".parquet" else _JsonWriter(file)
            yield writer
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}); nothing was kept") from None
    finally:
        aside.unlink(missing_ok=True)


class _JsonWriter:
    def __init__(self, file: Any):
        self._file = file
        self._encode = msgspec.json.Encoder().encode

    def write(self, result: Json) -> None:
        self._file.write(self._encode(result) + b"\n")

    def close(self) -> None:
        """Nothing is pending."""


class _ParquetWriter:
    def __init__(self, file: Any):
        self._pyarrow, self._parquet = _pyarrow()
        self._schema = _result_schema(self._pyarrow)
        self._writer = self._parquet.ParquetWriter(file, self._schema)
        self._rows: list[Json] = []

    def write(self, result: Json) -> None:
        for segment in result.get("segments", ()):  # an index or a document: a column has one type
            segment["duplicate_of"] = None if segment["duplicate_of"] is None else str(segment["duplicate_of"])
        self._rows.append(result)
        if len(self._rows) >= _BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._pyarrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _document(row: Any, place: str, form: Form | None) -> Document:
    if not isinstance(row, dict):
        raise InputError(f"{place}: not a row of named fields; expected document_id, text and perhaps headline")
    if not isinstance(row.get("text"), str):
        raise InputError(f"{place}: no 'text'; rows carry document_id, text and perhaps headline")
    document_id, headline = row.get("document_id"), row.get("headline")
    if headline is not None and not isinstance(headline, str):
        raise InputError(f"{place}: 'headline' must be a text or be left out")
    form = form or Form.TEXT
    return Document(
        row["text"],
        form,
        headline if form is Form.TEXT else None,
        None if document_id is None else str(document_id),
    )


def _json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield number, msgspec.json.decode(line)
                except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                    raise InputError(
                        f"{path}:{number}: not JSON in UTF-8 ({str(error)[:100]}); mend or drop the line"
                    ) from None


def _csv_rows(path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(sys.maxsize)  # a page is longer than the module's default of 128 KiB
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        if "text" not in (reader.fieldnames or ()):
            raise InputError(f"{path}: no column 'text'; columns are document_id, text and perhaps headline")
        try:
            for row in reader:
                yield (
                    reader.line_num,
                    {key: value for key, value in row.items() if key != "headline" or value},
                )
        except csv.Error as error:
            raise InputError(f"{path}:{reader.line_num}: not readable as a table ({error})") from None


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    pyarrow, parquet = _pyarrow()
    try:
        table = parquet.ParquetFile(path)
        names = table.schema_arrow.names
        if "text" not in names:
            raise InputError(f"{path}: no column 'text'; columns are document_id, text and perhaps headline")
        columns = [name for name in ("document_id", "text", "headline") if name in names]
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except pyarrow.ArrowInvalid as error:
        raise InputError(f"{path}: not a sound Parquet file ({error})") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("Parquet needs pyarrow; install it with `pip install 'wiretag[bulk]'`, or use JSONL") from None
    return pyarrow, pyarrow.parquet


def _result_schema(pa: Any) -> Any:
    """The wire form as Arrow types; evidence is not asked for in bulk."""
    topic = pa.struct(
        [
            ("topic", pa.string()),
            ("label", pa.string()),
            ("uri", pa.string()),
            ("score", pa.float64()),
            ("threshold", pa.float64()),
            ("decision", pa.string()),
        ]
    )
    tags = [("topics", pa.list_(topic)), ("none", pa.bool_()), ("reason", pa.string())]
    segment = pa.struct(
        [
            ("role", pa.string()),
            ("spans", pa.list_(pa.list_(pa.int64()))),
            ("headline", pa.string()),
            ("source", pa.string()),
            ("published", pa.string()),
            ("text", pa.string()),
            ("duplicate_of", pa.string()),
            *tags,
        ]
    )
    error = pa.struct([("title", pa.string()), ("detail", pa.string())])
    return pa.schema(
        [
            ("document_id", pa.string()),
            ("model_version", pa.string()),
            ("duplicate_of", pa.string()),
            *tags,
            ("related_topics", pa.list_(topic)),
            ("segments", pa.list_(segment)),
            ("warnings", pa.list_(pa.string())),
            ("page", pa.string()),
            ("error", error),
        ]
    )


def count_rows(paths: Iterable[Path]) -> int | None:
    """How many documents there are, where that is cheap to know; for the progress bar only."""
    total = 0
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in {".csv", ".tsv", ".parquet"}:
            return None
        if suffix in TEXTS:
            total += 1
        else:
            with path.open("rb") as file:
                total += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return total


def _kinds() -> str:
    return ", ".join(sorted(TABLES | TEXTS.keys()))
