"""WARC files, as Common Crawl News comes: every HTML or text answer is a document, its URL the id."""

from collections.abc import Iterator
from typing import Any

import msgspec

from models.errors import InputError
from models.pipeline import Document, Form
from service.archive import places, streams
from service.archive.charsets import decode_html
from service.archive.chunks import MAX_ROW, Choices, Chunk, File, Row

_MAGIC = b"WARC/"
_PAGES = {"text/html", "application/xhtml+xml", "text/plain"}
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
    _fastwarc(file)
    with streams.decompressed(file) as stream:
        if file.size and stream.read(len(_MAGIC)) != _MAGIC:
            raise _unsound(file, "it does not begin as one")
    for name in choices.keep:
        if name not in COLUMNS:
            raise InputError(f"{places.shown(file.path)}: no column {name!r}; records have {', '.join(COLUMNS)}")


def split(files: tuple[File, ...], choices: Choices) -> Iterator[Chunk]:
    """The chunks of a file: some records each, what is no page left out."""
    file = files[0]
    records: list[_Record] = []
    size, first, n_records, taken = 0, 1, 0, 0
    with streams.decompressed(file) as stream:
        for record in _records(stream, file):
            records.append(record)
            n_records += 1
            size += len(record.body)
            if size >= choices.chunk_bytes:
                yield _chunk(files, records, first, stream.taken - taken)
                records, size, first, taken = [], 0, n_records + 1, stream.taken
        if records:
            yield _chunk(files, records, first, stream.taken - taken)


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


def _records(stream: streams.Stream, file: File) -> Iterator[_Record]:
    warc = _fastwarc(file)
    kinds = warc.WarcRecordType
    wanted = kinds.response | kinds.resource | kinds.conversion
    try:
        for record in warc.ArchiveIterator(_Source(stream), record_types=wanted, parse_http=False, stream_detect=False):
            length = record.headers.get("Content-Length")
            block = record.reader.read(MAX_ROW + 1)
            if length is None or len(block) < min(record.content_length, MAX_ROW + 1):
                raise _unsound(file, "ends in the midst")
            if found := _page(record, block):
                yield found
    except OSError as error:
        if error.errno:
            raise
        raise _unsound(file, str(error)) from None


def _page(record: Any, block: bytes) -> _Record | None:
    """What is kept of a record that is a page, or None. `block` is all of it, or more than the limit."""
    headers, position = record.headers, record.stream_pos
    url, date, name = (headers.get(key) or "" for key in ("WARC-Target-URI", "WARC-Date", "WARC-Record-ID"))
    if len(block) > MAX_ROW:
        return _Record(position, url, date, name, True, None, b"", f"the record is over {MAX_ROW:,} bytes")
    status: int | None = 200
    content_type, charset, body = headers.get("Content-Type") or "", None, block
    if record.is_http:
        record.set_bytes_content(block)
        try:
            record.parse_http(auto_decode="all")
            body = record.reader.read(MAX_ROW + 1)
        except OSError as error:
            return _Record(position, url, date, name, True, None, b"", f"not a sound HTTP answer ({error})")
        content_type, charset = record.http_content_type or "", record.http_charset
        status = record.http_headers.status_code if record.http_headers else None
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _PAGES or status != 200:
        return None
    if len(body) > MAX_ROW:
        return _Record(position, url, date, name, True, None, b"", f"the page is over {MAX_ROW:,} bytes")
    return _Record(position, url, date, name, kind != "text/plain", charset, body)


class _Source:
    """A stream as fastwarc reads it."""

    def __init__(self, stream: streams.Stream):
        self._stream, self._position = stream, 0

    def read(self, size: int = 1 << 16) -> bytes:
        data = self._stream.read(size)
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position


def _unsound(file: File, reason: str) -> InputError:
    return InputError(f"{places.shown(file.path)}: not a sound WARC file ({reason}); fetch it again, or leave it out")


def _fastwarc(file: File) -> Any:
    try:
        from fastwarc import warc
    except ImportError:
        shown = places.shown(file.path)
        raise InputError(f"{shown}: WARC needs fastwarc; install it with `pip install 'wiretag[bulk]'`") from None
    return warc
