"""Files that hold one document each: texts and HTML pages."""

from collections.abc import Iterator

from models.errors import InputError
from models.pipeline import Document, Form
from service.archive import places
from service.archive.charsets import decode_html
from service.archive.chunks import MAX_ROW, Choices, Chunk, File, Kind, Row


def check(file: File, choices: Choices) -> None:
    """A file that cannot be read becomes a row with its error."""


def split(files: tuple[File, ...], choices: Choices) -> Iterator[Chunk]:
    """One chunk: the plan has put together what belongs to it."""
    yield Chunk(0, files, size=sum(file.size for file in files))


def read(chunk: Chunk, choices: Choices) -> Iterator[Row]:
    """The documents of a chunk."""
    empty = (None,) * len(choices.keep)
    for file in chunk.files:
        name = places.shown(file.path)
        try:
            document = _document(file, name, choices.form)
        except InputError as error:
            yield Row(None, name, empty, name, str(error).removeprefix(f"{name}: "))
        else:
            yield Row(document, name, empty, name)


def _document(file: File, name: str, form: Form | None) -> Document:
    if file.size > MAX_ROW:
        raise InputError(f"the file is over {MAX_ROW:,} bytes; cut it into documents")
    with places.opened(file.path) as raw:
        content = raw.read()
    if file.kind is Kind.HTML:
        return Document(decode_html(content), form or Form.HTML, None, name)
    try:
        return Document(content.decode("utf-8-sig"), form or Form.TEXT, None, name)
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 (byte {error.start}); convert the file") from None
