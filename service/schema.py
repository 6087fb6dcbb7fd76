"""Request bodies to documents and options; results to bytes. Nothing else of the service looks at a request."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec
from flask import Request, Response
from msgspec import UNSET, Meta, UnsetType
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from models.pipeline import Document, Form, Options
from service.answers import TopicId
from service.problems import Problem
from service.settings import Settings

MAX_ID = 512  # characters of a document's id
STREAM_TYPE = "application/x-ndjson"
WITHOUT_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"  # what Python strips, in words that every dialect reads alike
_T = TypeVar("_T")


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


def check_query(request: Request) -> None:
    """Raise a 400 `Problem` for a query string with bytes that werkzeug would fail to decode, whoever reads it later."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        raise Problem(400, "the query string is not UTF-8; write other bytes as %XX") from None


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


def read_document(raw: bytes | bytearray | msgspec.Raw, pointer: str, settings: Settings) -> Document | Unusable:
    """One document of several, or why it cannot be used. `pointer` is where it stands."""
    document_id = None
    try:
        parsed = decode(raw, RequestDocument, pointer)
        document_id = parsed.document_id
        return checked_document(parsed, pointer, settings)
    except Problem as problem:
        return Unusable(document_id or _id_of(raw), problem)


def read_body(request: Request, settings: Settings) -> bytes:
    """The whole body. Raises `Problem` for one that is too long or breaks off."""
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    except ClientDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise Problem(408, error.__context__.strerror or "the body comes too slowly") from None
        raise Problem(400, "the body broke off before its end; send it again") from None
    if body is None or len(body) > settings.max_body:  # chunks tell their length only when they are read
        raise Problem(413, f"the body is over {settings.max_body:,} bytes; send fewer or shorter documents a request")
    if len(body) < (request.content_length or 0):
        raise Problem(400, f"the body broke off after {len(body):,} of {request.content_length:,} bytes; send it again")
    return body


def make_types_ready(base: type[msgspec.Struct] = msgspec.Struct) -> None:
    """Have msgspec work out every struct now, and not at its first use, without a lock.

    Two first requests together would end the process (msgspec 0.22).
    """
    for struct in base.__subclasses__():
        msgspec.json.Decoder(struct)
        make_types_ready(struct)


def read_json(request: Request, type_: type[_T], settings: Settings) -> _T:
    """A JSON body as the type. Raises `Problem`."""
    if request.mimetype != "application/json":
        raise Problem(415, f"cannot read {request.mimetype or 'a body without a content type'}; send application/json")
    return decode(read_body(request, settings), type_, "")


def read_query(request: Request, type_: type[_T]) -> _T:
    """The options in the address as the type. Raises `Problem`, also for one that is given twice or as `null`."""
    given: dict[str, object] = {}
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Problem(400, f"{_brief(name)}: given {len(values)} times; give it once")
        given[name] = [topic for topic in values[0].split(",") if topic] if name == "topics" else values[0]
    try:
        parsed = msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        raise Problem(400, f"{path.rstrip('`') or 'the address'}: {_brief(what)}") from None
    for field in msgspec.structs.fields(type_):  # type: ignore[arg-type] # query types are structs
        value, text = getattr(parsed, field.name), given.get(field.encode_name)
        is_seconds = isinstance(value, datetime) and "-" not in str(text)  # which nobody means by a date
        if text is not None and (value is None or is_seconds):
            raise Problem(400, f"{field.encode_name}: {_brief(str(text))!r} is no value for it")
    return parsed


def encode(value: object) -> bytes:
    """A result as JSON."""
    return msgspec.json.encode(value)


def json_response(value: object) -> Response:
    """A result as a response."""
    return Response(encode(value), content_type="application/json")


def _read_json(body: bytes, settings: Settings) -> Call:
    parsed = decode(body, RequestBody, "")
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


_FORMS = tuple((form, form.value) for form in Form)


def checked_document(parsed: RequestDocument, prefix: str, settings: Settings) -> Document:
    """The document that was sent. Raises `Problem` where it breaks a rule that the decoder does not know."""
    given = [form for form, name in _FORMS if getattr(parsed, name) is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none of them"
        raise Problem(
            400,
            f"give exactly one of text, page, html; found {found}",
            [(prefix, f"found {found}")] if prefix else (),
        )
    content = getattr(parsed, given[0].value)
    if parsed.headline is not None and given[0] is not Form.TEXT:
        raise _bad_shape(f"{prefix}/headline", "a headline stands beside 'text' only; a page brings its own")
    if parsed.document_id is not None and len(parsed.document_id) > MAX_ID:
        raise _unusable(f"{prefix}/document_id", f"longer than {MAX_ID} characters")
    for name, text in ((given[0].value, content), ("headline", parsed.headline or "")):
        if len(text) > settings.max_characters:
            raise _unusable(
                f"{prefix}/{name}", f"{len(text):,} characters; send at most {settings.max_characters:,} a document"
            )
    return Document(content, given[0], parsed.headline, parsed.document_id)


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


def decode(body: bytes | bytearray | msgspec.Raw, type_: type[_T], prefix: str) -> _T:
    """JSON as a type. Raises a 400 `Problem` whose pointer begins with `prefix`."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        pointer = prefix + "".join(f"/{part}" for part in re.findall(r"[^$.\[\]`]+", path.replace("...", "")))
        raise _bad_shape(pointer, _brief(what)) from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Problem(400, f"not JSON: {_brief(str(error))}", [(prefix, "not JSON")] if prefix else ()) from None


def _brief(message: str) -> str:
    """A decoder's message without what it may quote at length."""
    return message if len(message) <= 160 else message[:160] + "…"


def _id_of(raw: bytes | bytearray | msgspec.Raw) -> str | None:
    """The id of a document that is otherwise unusable, where one can be read."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    document_id = value.get("document_id") if isinstance(value, dict) else None
    return document_id if isinstance(document_id, str) else None


def _bad_shape(pointer: str, detail: str) -> Problem:
    return Problem(400, f"{pointer or 'the JSON'}: {detail}", [(pointer, detail)])


def _unusable(pointer: str, detail: str) -> Problem:
    return Problem(422, f"{pointer}: {detail}", [(pointer, detail)])


def _first(names: object) -> str:
    return str(next(iter(names)))  # type: ignore[call-overload]
