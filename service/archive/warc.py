"""WARC files, as Common Crawl News comes: every HTML or text answer is a document, its URL the id."""

from collections.abc import Iterator
from typing import Any

import msgspec

from models.errors import InputError
from models.pipeline import Document, Form
from service.archive import places
from service.archive.charsets import decode_html
from service.archive.chunks import MAX_ROW, Choices, Chunk, File, Row

COLUMNS = ("url", "date", "record_id")  # of a record, to keep


class _Record(msgspec.Struct, array_like=True):
    """What is kept of a record on its way to the process that tags it."""

    offset: int
    url: str
    date: str
    record_id: str
    is_html: bool
    charset: str | None
    body: bytes
    error: str = ""


def check(file: File, choices: Choices) -> None:
    """Raise `InputError` for a column to keep that records have not."""
    _archive_iterator(file.path)
    for name in choices.keep:
        if name not in COLUMNS:
            raise InputError(f"{places.shown(file.path)}: no column {name!r}; records have {', '.join(COLUMNS)}")


def split(files: tuple[File, ...], choices: Choices) -> Iterator[Chunk]:
    """The chunks of a file: some records each, what is no page left out."""
    file = files[0]
    records: list[_Record] = []
    size, first, n_records, taken = 0, 1, 0, 0
    with places.opened(file.path) as raw:
        for record in _records(raw, file):
            records.append(record)
            n_records += 1
            size += len(record.body)
            if size >= choices.chunk_bytes:
                yield _chunk(files, records, first, raw.tell() - taken)
                records, size, first, taken = [], 0, n_records + 1, raw.tell()
        if records:
            yield _chunk(files, records, first, raw.tell() - taken)
    places.check_unchanged(file)


def _chunk(files: tuple[File, ...], records: list[_Record], first: int, size: int) -> Chunk:
    data = msgspec.msgpack.encode(records)
    return Chunk(0, files, records[0].offset, records[-1].offset, first=first, size=size, data=data)


def read(chunk: Chunk, choices: Choices) -> Iterator[Row]:
    """The documents of a chunk."""
    name = places.shown(chunk.file.path)
    for record in msgspec.msgpack.decode(chunk.data or b"", type=list[_Record]):
        place = f"{name}, record at byte {record.offset:,}"
        kept = tuple(getattr(record, column) for column in choices.keep)
        if record.error:
            yield Row(None, place, kept, record.url, record.error)
            continue
        form = choices.form or (Form.HTML if record.is_html else Form.PAGE)
        yield Row(Document(decode_html(record.body, record.charset), form, None, record.url), place, kept, record.url)


def _records(raw: Any, file: File) -> Iterator[_Record]:
    from fastwarc.warc import WarcRecordType

    name = places.shown(file.path)
    wanted = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
    try:
        for record in _archive_iterator(file.path)(raw, record_types=wanted, auto_decode="content"):
            content_type = (record.http_content_type if record.is_http else record.headers.get("Content-Type")) or ""
            kind = content_type.partition(";")[0].strip().lower()
            status = record.http_headers.status_code if record.is_http and record.http_headers else None
            if kind not in {"text/html", "application/xhtml+xml", "text/plain"} or (status or 200) != 200:
                continue
            headers = record.headers
            body = record.reader.read(MAX_ROW + 1)
            error = f"the record is over {MAX_ROW:,} bytes" if len(body) > MAX_ROW else ""
            yield _Record(
                record.stream_pos,
                headers.get("WARC-Target-URI") or "",
                headers.get("WARC-Date") or "",
                headers.get("WARC-Record-ID") or "",
                kind != "text/plain",
                record.http_charset if record.is_http else None,
                b"" if error else body,
                error,
            )
    except OSError as error:
        if error.errno:
            raise
        raise InputError(f"{name}: not a sound WARC file ({error}); fetch it again, or leave it out") from None


def _archive_iterator(path: str) -> Any:
    try:
        from fastwarc.warc import ArchiveIterator
    except ImportError:
        shown = places.shown(path)
        raise InputError(f"{shown}: WARC needs fastwarc; install it with `pip install 'wiretag[bulk]'`") from None
    return ArchiveIterator
