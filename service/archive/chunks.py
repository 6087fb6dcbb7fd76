"""What is worked on at once, and what stands in it."""

import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from models.pipeline import Document, Form

CHUNK_BYTES = 8_000_000
MAX_ROW = 16_000_000  # bytes of a line, field, file or record; a longer one is no document


class Kind(StrEnum):
    """What a file is."""

    JSON_LINES = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    WARC = "warc"
    TEXT = "txt"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class File:
    """A file as the plan found it. `compression` is "", "gz" or "zst"; another `version` means that it changed since."""

    path: str
    kind: Kind
    compression: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns, or fields, that rows carry their document in."""

    document_id: str = "document_id"
    text: str = "text"
    headline: str = "headline"


@dataclass(frozen=True, slots=True)
class Choices:
    """How inputs are read: what a text is (None: by the kind of file), which columns hold it and which others to keep.

    `dedupe` marks stories that repeat an earlier one of the run.
    """

    form: Form | None = None
    columns: Columns = Columns()
    keep: tuple[str, ...] = ()
    chunk_bytes: int = CHUNK_BYTES
    fail_fast: bool = False
    dedupe: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the input: small enough to send to another machine.

    index: its place among all chunks, from 0; files: one, or several that hold a document each; start, stop: bytes of the
    file, or rows of `group`, a row group of Parquet; first: the number of its first line or row, from 1, 0 where
    only its byte is known; size: bytes of input, for progress; data: its bytes where they were read already, as those of
    a compressed stream, which cannot be read from the midst.
    """

    index: int
    files: tuple[File, ...]
    start: int = 0
    stop: int = 0
    group: int = 0
    first: int = 0
    size: int = 0
    data: bytes | None = field(default=None, repr=False)

    @property
    def file(self) -> File:
        """The file, or the first of several."""
        return self.files[0]

    @property
    def name(self) -> str:
        """The chunk as messages name it: the query of a URL may be a key."""
        path = self.file.path.partition("?")[0]
        if len(self.files) > 1:
            return f"{path} and {len(self.files) - 1:,} more"
        unit = "rows" if self.file.kind is Kind.PARQUET else "bytes"
        return f"{path}, {unit} {self.start:,} to {self.stop:,}" if self.stop else path

    def identity(self) -> str:
        """What must be the same for a run to be resumed: which bytes these are, and those very bytes."""
        if self.data is not None:
            return f"{self.file.path}:{self.start}:{zlib.crc32(self.data):08x}"
        if len(self.files) == 1:
            return f"{self.file.path}:{self.group}:{self.start}-{self.stop}:{self.file.size}:{self.file.version}"
        seen = zlib.crc32(repr([(file.path, file.size, file.version) for file in self.files]).encode())
        return f"{self.file.path} and {len(self.files) - 1} more:{seen:08x}"


class Row(NamedTuple):
    """A document of a chunk, or (document None) what is wrong with it. A tuple, since one is made for every document.

    place: where it stands, for messages and as a name where it has no id; kept: the values of the columns to keep.
    """

    document: Document | None
    place: str
    kept: tuple[Any, ...] = ()
    document_id: str | None = None
    error: str = ""
