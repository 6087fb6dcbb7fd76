"""Request bodies to documents and options."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import msgspec
from flask import Request
from msgspec import UNSET, Meta, UnsetType

from models.pipeline import Document, Form, Options
from service.answers import TopicId
from service.problems import Problem
from service.settings import Settings
from service.wire import bad_shape, decode, read_body, read_query

MAX_ID = 512  # characters of a document's id
STREAM_TYPE = "application/x-ndjson"
WITHOUT_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"  # what Python strips, in words that every dialect reads alike


def named(name: str) -> Meta:
    """Bounds that `service.description` describes and the service checks itself.

    What is out of bounds is well-formed but unusable, which the decoder cannot tell from a wrong shape.
    """
    return Meta(extra_json_schema={"$ref": f"#/components/schemas/{name}"})


Text = Annotated[str, named("Text")]
Lines = Annotated[str, Meta(description="one document a line in, one result a line out; each is JSON")]
Limit = Annotated[  # JSON has one kind of number: 3.0 is a whole one
    float, Meta(description="most topics shown a text", multiple_of=1, extra_json_schema={"minimum": 1})
]


class RequestDocument(msgspec.Struct, forbid_unknown_fields=True):
    """A document of several."""

    alternatives: ClassVar[dict[str, tuple[str, ...]]] = {"text": ("headline",), "page": (), "html": ()}  # exactly one is given

    document_id: Annotated[str, named("DocumentId")] | None = None
    text: Annotated[Text, Meta(description="one segment, tagged as it stands")] | None = None
    page: Annotated[Text, Meta(description="plain text of a scraped page, cut first")] | None = None
    html: Annotated[Text, Meta(description="an HTML page; its extracted text comes back as `page`")] | None = None
    headline: Annotated[str, named("Headline")] | None = None


class RequestBody(RequestDocument, forbid_unknown_fields=True):
    """One document or several, and how to show the results."""

    alternatives: ClassVar[dict[str, tuple[str, ...]]] = {
        "text": ("headline", "document_id"),
        "page": ("document_id",),
        "html": ("document_id",),
        "documents": (),
    }

    documents: Annotated[list[msgspec.Raw], named("Documents")] | None = None
    explain: Annotated[bool, Meta(description="with the words that decided and the arithmetic")] = False
    limit: Limit | None = None
    topics: Annotated[list[TopicId], Meta(description="topics shown whatever their score")] | None = None
    duplicates: Annotated[bool, Meta(description="mark the stories that repeat an earlier one of the request")] = False


class _WholeBody(RequestBody, forbid_unknown_fields=True):
    """A body whose documents are all of the right shape: most are, and are read a third sooner at once than one by one."""

    documents: list[RequestDocument] | None = None  # type: ignore[assignment] # read instead of the other, never as it


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """Options beside a body that is a document itself; a JSON body carries its own."""

    as_: (
        Annotated[Literal["text", "page", "html"], Meta(description="what the body is; `page` for plain text only")] | UnsetType
    ) = msgspec.field(default=UNSET, name="as")
    explain: Annotated[bool, Meta(description="with the words that decided and the arithmetic")] = False
    limit: Limit | UnsetType = UNSET
    topics: Annotated[list[TopicId], Meta(description="topics shown whatever their score, parted by commas")] = []
    duplicates: Annotated[bool, Meta(description="mark the stories that repeat an earlier one of the request")] = False


@dataclass(frozen=True, slots=True)
class Unusable:
    """A document of several that cannot be used: it gets an error in its place."""

    document_id: str | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class Call:
    """A request to classify: the documents (one that stands alone, or several) and how to show the results."""

    documents: list[Document | Unusable]
    options: Options
    is_single: bool
    duplicates: bool = False  # whether to mark near-duplicates among their stories


def read_call(request: Request, settings: Settings) -> Call:
    """The documents and options of a request. Raises `Problem`."""
    kind = request.mimetype
    if kind == "application/json":
        if request.query_string and request.args:
            raise Problem(
                400,
                f"unknown option {_first(request.args)!r} in the address; a JSON body carries its options itself",
            )
        return _read_json(read_body(request, settings), settings)
    if kind in ("text/plain", "text/html"):
        return _read_plain(request, settings)
    raise Problem(
        415,
        f"cannot read {kind or 'a body without a content type'}; send application/json, {STREAM_TYPE}, text/plain or text/html",
    )


def read_stream_options(request: Request) -> tuple[Options, bool]:
    """How to show the results of a stream, and whether to mark near-duplicates: its query string. Raises `Problem`."""
    query = _plain_query(request)
    if query.as_ is not UNSET:
        raise Problem(400, "as: a stream's documents say themselves what they are")
    return _options(query), query.duplicates


def read_document(
    raw: bytes | bytearray | msgspec.Raw | RequestDocument, pointer: str, settings: Settings
) -> Document | Unusable:
    """One document of several, or why it cannot be used. `pointer` is where it stands."""
    document_id = None
    try:
        parsed = raw if isinstance(raw, RequestDocument) else decode(raw, RequestDocument, pointer)
        document_id = parsed.document_id
        return checked_document(parsed, pointer, settings)
    except Problem as problem:
        if document_id is None and not isinstance(raw, RequestDocument):
            document_id = _id_of(raw)
        return Unusable(document_id, problem)


def _read_json(body: bytes, settings: Settings) -> Call:
    parsed: RequestBody
    try:
        parsed = msgspec.json.decode(body, type=_WholeBody)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        parsed = decode(body, RequestBody, "")  # which document it is, or that the body is none
    limit = None if parsed.limit is None else int(parsed.limit)
    options = Options(parsed.explain, limit, frozenset(parsed.topics or ()))
    if parsed.documents is None:
        return Call([checked_document(parsed, "", settings)], options, is_single=True, duplicates=parsed.duplicates)
    if any(value is not None for value in (parsed.text, parsed.page, parsed.html, parsed.headline, parsed.document_id)):
        raise Problem(400, "'documents' stands alone: put text, page, html, headline and document_id inside its entries")
    if not parsed.documents:
        raise _unusable("/documents", "there are no documents; send at least one")
    if len(parsed.documents) > settings.max_documents:
        raise _unusable(
            "/documents",
            f"{len(parsed.documents):,} documents; send at most {settings.max_documents:,} a request",
        )
    documents = [read_document(raw, f"/documents/{index}", settings) for index, raw in enumerate(parsed.documents)]
    return Call(documents, options, is_single=False, duplicates=parsed.duplicates)


def checked_document(parsed: RequestDocument, prefix: str, settings: Settings) -> Document:
    """The document that was sent. Raises `Problem` where it breaks a rule that the decoder does not know."""
    given = [
        (form, content)
        for form, content in zip(_FORMS, (parsed.text, parsed.page, parsed.html), strict=True)
        if content is not None
    ]
    if len(given) != 1:
        found = ", ".join(form for form, _ in given) or "none of them"
        raise Problem(
            400,
            f"give exactly one of text, page, html; found {found}",
            [(prefix, f"found {found}")] if prefix else (),
        )
    form, content = given[0]
    if parsed.headline is not None and form is not _TEXT:
        raise bad_shape(f"{prefix}/headline", "a headline stands beside 'text' only; a page brings its own")
    if parsed.document_id is not None and len(parsed.document_id) > MAX_ID:
        raise _unusable(f"{prefix}/document_id", f"longer than {MAX_ID} characters")
    for name, text in ((form, content), ("headline", parsed.headline or "")):
        if len(text) > settings.max_characters:
            raise _unusable(
                f"{prefix}/{name}", f"{len(text):,} characters; send at most {settings.max_characters:,} a document"
            )
    return Document(content, form, parsed.headline, parsed.document_id)


_TEXT, *_ = _FORMS = (Form.TEXT, Form.PAGE, Form.HTML)


def _read_plain(request: Request, settings: Settings) -> Call:
    """One document as the body itself, its options in the query string."""
    query = _plain_query(request)
    forms = (Form.TEXT, Form.PAGE) if request.mimetype == "text/plain" else (Form.HTML,)
    wanted = query.as_ or forms[0].value
    if wanted not in [form.value for form in forms]:
        raise Problem(400, f"as={wanted!r} does not fit {request.mimetype}; it may be {' or '.join(forms)}")
    try:
        content = read_body(request, settings).decode()
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8 (byte {error.start}); convert it") from None
    document = checked_document(RequestDocument(**{wanted: content}), "", settings)
    return Call([document], _options(query), is_single=True, duplicates=query.duplicates)


def _options(query: Query) -> Options:
    limit = None if query.limit is UNSET else int(query.limit)
    return Options(query.explain, limit, frozenset(query.topics))


def _plain_query(request: Request) -> Query:
    """The options beside a body that carries none. Raises `Problem`."""
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "cannot read this charset; send UTF-8")
    return read_query(request, Query)


def _id_of(raw: bytes | bytearray | msgspec.Raw) -> str | None:
    """The id of a document that is otherwise unusable, where one can be read."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    document_id = value.get("document_id") if isinstance(value, dict) else None
    return document_id if isinstance(document_id, str) else None


def _unusable(pointer: str, detail: str) -> Problem:
    return Problem(422, f"{pointer}: {detail}", [(pointer, detail)])


def _first(names: object) -> str:
    return str(next(iter(names)))  # type: ignore[call-overload]
