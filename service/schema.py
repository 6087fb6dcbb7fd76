"""Request bodies to documents and options; results to bytes. Nothing else of the service looks at a request."""

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from flask import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from models.pipeline import Document, Form, Options
from service.problems import Problem
from service.settings import Settings

MAX_ID = 512  # characters of a document's id
_T = TypeVar("_T")


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    document_id: str | None = None
    text: str | None = None
    page: str | None = None
    html: str | None = None
    headline: str | None = None


class _Body(_Document, forbid_unknown_fields=True):
    documents: list[msgspec.Raw] | None = None
    explain: bool = False
    limit: int | None = None
    topics: list[str] | None = None
    duplicates: bool = False


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
        if request.args:
            raise Problem(
                400,
                f"unknown option {_first(request.args)!r} in the address; a JSON body carries its options itself",
            )
        return _read_json(_body(request, settings), settings)
    if kind in ("text/plain", "text/html"):
        return _read_plain(request, settings)
    raise Problem(
        415,
        f"cannot read {kind or 'a body without a content type'}; send application/json, text/plain or text/html",
    )


def encode(value: object) -> bytes:
    """A result as JSON."""
    return msgspec.json.encode(value)


def json_response(value: object) -> Response:
    """A result as a response."""
    return Response(encode(value), content_type="application/json")


def _body(request: Request, settings: Settings) -> bytes:
    try:
        body = request.get_data(cache=False)
        if request.content_length is None:
            request.stream.read(1)  # raises where more came than is read
        return body
    except RequestEntityTooLarge:
        raise Problem(413, f"the body is over {settings.max_body:,} bytes; send fewer or shorter documents a request") from None


def _read_json(body: bytes, settings: Settings) -> Call:
    parsed = _decode(body, _Body, "")
    options = Options(parsed.explain, parsed.limit, frozenset(parsed.topics or ()))
    if parsed.documents is None:
        return Call([_document(parsed, "", settings)], options, is_single=True, duplicates=parsed.duplicates)
    if any(value is not None for value in (parsed.text, parsed.page, parsed.html, parsed.headline, parsed.document_id)):
        raise Problem(400, "'documents' stands alone: put text, page, html, headline and document_id inside its entries")
    if not parsed.documents:
        raise _unusable("/documents", "there are no documents; send at least one")
    if len(parsed.documents) > settings.max_documents:
        raise _unusable(
            "/documents",
            f"{len(parsed.documents):,} documents; send at most {settings.max_documents:,} a request",
        )
    documents: list[Document | Unusable] = []
    for index, raw in enumerate(parsed.documents):
        document_id = None
        try:
            each = _decode(raw, _Document, f"/documents/{index}")
            document_id = each.document_id
            documents.append(_document(each, f"/documents/{index}", settings))
        except Problem as problem:
            documents.append(Unusable(document_id or _id_of(raw), problem))
    return Call(documents, options, is_single=False, duplicates=parsed.duplicates)


def _document(parsed: _Document, prefix: str, settings: Settings) -> Document:
    given = [form for form in Form if getattr(parsed, form.value) is not None]
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
    if len(content) + len(parsed.headline or "") > settings.max_characters:
        raise _unusable(
            f"{prefix}/{given[0]}",
            f"{len(content):,} characters; send at most {settings.max_characters:,} a document",
        )
    return Document(content, given[0], parsed.headline, parsed.document_id)


def _read_plain(request: Request, settings: Settings) -> Call:
    """One document as the body itself, its options in the query string."""
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "cannot read this charset; send UTF-8")
    allowed = {"as", "explain", "limit", "topics"}
    if unknown := set(request.args) - allowed:
        raise Problem(400, f"unknown option {min(unknown)!r}; the options are {', '.join(sorted(allowed))}")
    forms = (Form.TEXT, Form.PAGE) if request.mimetype == "text/plain" else (Form.HTML,)
    wanted = request.args.get("as", forms[0].value)
    if wanted not in [form.value for form in forms]:
        raise Problem(400, f"as={wanted!r} does not fit {request.mimetype}; it may be {' or '.join(forms)}")
    explain = request.args.get("explain", "false").lower()
    if explain not in ("true", "false", "1", "0"):
        raise Problem(400, "explain must be true or false")
    limit = request.args.get("limit")
    if limit is not None and not limit.isdecimal():
        raise Problem(400, "limit must be a whole number")
    topics = frozenset(topic for topic in request.args.get("topics", "").split(",") if topic)
    try:
        content = _body(request, settings).decode()
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8 (byte {error.start}); convert it") from None
    document = _document(_Document(**{wanted: content}), "", settings)
    return Call([document], Options(explain in ("true", "1"), int(limit) if limit else None, topics), is_single=True)


def _decode(body: bytes | msgspec.Raw, type_: type[_T], prefix: str) -> _T:
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


def _id_of(raw: msgspec.Raw) -> str | None:
    """The id of a document that is otherwise unusable, where one can be read."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    document_id = value.get("document_id") if isinstance(value, dict) else None
    return document_id if isinstance(document_id, str) else None


def _bad_shape(pointer: str, detail: str) -> Problem:
    return Problem(400, f"{pointer or 'the body'}: {detail}", [(pointer, detail)])


def _unusable(pointer: str, detail: str) -> Problem:
    return Problem(422, f"{pointer}: {detail}", [(pointer, detail)])


def _first(names: object) -> str:
    return str(next(iter(names)))  # type: ignore[call-overload]
