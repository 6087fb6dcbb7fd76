"""Results of `wiretag tag` read back, one by one: JSONL or Parquet files, or folders of their parts."""

import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from models.errors import InputError
from service.archive.streams import pyarrow_for
from service.summary import DAY_COLUMNS, SOURCE_COLUMNS, URL_COLUMNS, Row

LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst")
_BATCH = 1_000  # rows of Parquet held at a time
_FIELDS = [field for field in msgspec.structs.fields(Row) if field.name != "columns"]
_NAMES = [field.name for field in _FIELDS]
_PARQUET = (
    *("document_id", "model_version", "reason", "duplicate_of", "error"),
    *(f"topics.list.element.{name}" for name in ("topic", "decision", "label")),
    *(f"segments.list.element.{name}" for name in ("role", "source", "published", "duplicate_of")),
)


def find_results(paths: Sequence[Path]) -> list[Path]:
    """The files of results: files as given, of folders those of a kind we know, sorted by name. Raises `InputError`."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if _is_results(each) and not each.name.startswith((".", "_")))
            if not inside:
                raise InputError(f"{path}: no results in this folder; name what `wiretag tag -o` wrote")
            found += inside
        elif not path.exists():
            raise InputError(f"{path}: no such file")
        elif not _is_results(path):
            raise InputError(f"{path}: not results of `wiretag tag`; name a .jsonl (also .gz, .zst) or .parquet file")
        else:
            found.append(path)
    return found


def read_rows(paths: Sequence[Path], columns: Sequence[str] = ()) -> Iterator[Row]:
    """What is counted of every result, in order. `columns` are further columns to read, which every file must have.

    Raises `InputError` naming the file, the line and the remedy.
    """
    wanted = list(dict.fromkeys((*columns, *DAY_COLUMNS, *SOURCE_COLUMNS, *URL_COLUMNS)))
    for path in paths:
        try:
            yield from _parquet_rows(path, wanted, columns) if path.suffix == ".parquet" else _json_rows(path, wanted, columns)
        except (OSError, EOFError) as error:
            raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _is_results(path: Path) -> bool:
    return path.name.endswith((*LINES, ".parquet"))


def _json_rows(path: Path, wanted: Sequence[str], needed: Sequence[str]) -> Iterator[Row]:
    """Only what is wanted is made into objects: the texts of pages are stepped over."""
    others = [name for name in wanted if name not in _NAMES]
    fields: list[tuple[str, Any, Any]] = [(name, field.type, None) for name, field in zip(_NAMES, _FIELDS, strict=True)]
    fields += [(f"column{number}", Any, msgspec.UNSET) for number in range(len(others))]
    rename = {f"column{number}": name for number, name in enumerate(others)}
    decoder = msgspec.json.Decoder(msgspec.defstruct("Line", fields, rename=rename, gc=False))
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                row: Any = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeError) as error:
                raise InputError(f"{path}:{number}: not a result of `wiretag tag` ({str(error)[:100]})") from None
            there = {name: getattr(row, f"column{n}") for n, name in enumerate(others)}
            columns = {name: value for name, value in there.items() if value is not msgspec.UNSET}
            if row.error is None:
                _check(columns, [name for name in needed if name not in _NAMES], f"{path}:{number}")
            given = {name: getattr(row, name) for name in _NAMES}
            yield Row(**given, columns={**columns, **{name: given[name] for name in needed if name in given}})


def _parquet_rows(path: Path, wanted: Sequence[str], needed: Sequence[str]) -> Iterator[Row]:
    pyarrow = pyarrow_for(str(path))
    try:
        table = pyarrow.parquet.ParquetFile(path)
        there = set(table.schema_arrow.names)
        if missing := {"topics", "segments", "document_id"} - there:
            raise InputError(f"{path}: no column {min(missing)!r}; name what `wiretag tag -o` wrote")
        _check(there, needed, str(path))
        others = [name for name in wanted if name in there and name not in _NAMES]
        for batch in table.iter_batches(batch_size=_BATCH, columns=[*_PARQUET, *others]):
            for row in batch.to_pylist():
                columns = {name: row[name] for name in (*others, *needed)}
                yield msgspec.convert({name: row.get(name) for name in _NAMES} | {"columns": columns}, Row)
    except (pyarrow.ArrowInvalid, msgspec.ValidationError) as error:
        raise InputError(f"{path}: not a sound Parquet file of results ({error})") from None


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    if path.suffix == ".zst":
        stream = pyarrow_for(str(path)).CompressedInputStream(path.open("rb"), "zstd")
        return io.BufferedReader(stream, 1 << 20)
    return path.open("rb")


def _check(there: Any, needed: Sequence[str], place: str) -> None:
    for name in needed:
        if name not in there:
            raise InputError(f"{place}: no column {name!r}; carry it through with `wiretag tag`, or name another")
