"""The forms of output: each chunk becomes bytes of its own, and whole files are made of them."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from models.errors import InputError
from models.pipeline import Json
from service.archive.streams import pyarrow_for

FORMATS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_encode_lines = msgspec.json.Encoder().encode_lines


@dataclass(frozen=True, slots=True)
class Part:
    """What became of a chunk: the bytes that stand for it in the output, and what is counted.

    index, identity and size are the chunk's; stories are their `signatures`, where near-duplicates are to be marked.
    """

    index: int
    identity: str
    size: int
    body: bytes
    n_documents: int
    n_failed: int
    stories: bytes = b""


def format_of(path: str) -> str:
    """The form of output that a name asks for. Raises `InputError`."""
    name = path.rstrip("/").lower().replace(".ndjson", ".jsonl")
    for suffix in FORMATS:
        if name.endswith(suffix):
            return suffix
    raise InputError(
        f"{path}: write results to a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file, or to a folder so named and `/`"
    )


def encode(results: Sequence[Json], suffix: str, keep: tuple[str, ...]) -> bytes:
    """The bytes of some results; b"" for none."""
    if not results:
        return b""
    if suffix == ".parquet":
        return _parquet(results, keep)
    lines = _encode_lines(results)
    if suffix == ".jsonl.gz":
        return gzip.compress(lines, 6, mtime=0)
    if suffix == ".jsonl.zst":
        data: bytes = pyarrow_for(suffix).Codec("zstd").compress(lines, asbytes=True)
        return data
    return lines


def decode(body: bytes, suffix: str) -> list[Json]:
    """The results that `encode` made bytes of."""
    if suffix == ".parquet":
        pa = pyarrow_for(suffix)
        rows = pa.parquet.read_table(pa.BufferReader(body)).to_pylist()
        return [{name: value for name, value in row.items() if value is not None} for row in rows]
    if suffix == ".jsonl.gz":
        body = gzip.decompress(body)
    elif suffix == ".jsonl.zst":
        pa = pyarrow_for(suffix)
        body = pa.CompressedInputStream(pa.BufferReader(body), "zstd").read()
    return msgspec.json.Decoder(Json).decode_lines(body)


def _parquet(results: Sequence[Json], keep: tuple[str, ...]) -> bytes:
    pa = pyarrow_for(".parquet")
    for result in results:
        for segment in result.get("segments", ()):  # an index or a document: a column has one type
            segment["duplicate_of"] = None if segment["duplicate_of"] is None else str(segment["duplicate_of"])
        for name in keep:
            if (value := result.get(name)) is not None and not isinstance(value, str):
                result[name] = msgspec.json.encode(value).decode()
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.Table.from_pylist(results, schema=schema(keep)), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


@lru_cache(maxsize=4)
def schema(keep: tuple[str, ...]) -> Any:
    """The wire form as Arrow types, and the columns that are kept as strings; evidence is not asked for in bulk."""
    pa = pyarrow_for(".parquet")
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
    columns = [
        ("document_id", pa.string()),
        ("model_version", pa.string()),
        ("duplicate_of", pa.string()),
        *tags,
        ("related_topics", pa.list_(topic)),
        ("segments", pa.list_(segment)),
        ("warnings", pa.list_(pa.string())),
        ("page", pa.string()),
        ("error", pa.struct([("title", pa.string()), ("detail", pa.string())])),
    ]
    return pa.schema(columns + [(name, pa.string()) for name in keep])


# names that a kept column cannot have, as results have them
COLUMNS = frozenset(
    "document_id model_version duplicate_of topics none reason related_topics segments warnings page error".split()
)


def merge(bodies: Sequence[Path], target: Any, keep: tuple[str, ...]) -> None:
    """One Parquet file of the files of several parts, each a row group."""
    pa = pyarrow_for(".parquet")
    with pa.parquet.ParquetWriter(target, schema(keep), compression="zstd") as writer:
        for body in bodies:
            writer.write_table(pa.parquet.read_table(body, schema=schema(keep)))
