"""What is read of every request and written for it: body, JSON, query string. What they hold is for others to say."""

import os
import re
from datetime import datetime
from typing import TypeVar

import msgspec
from flask import Request, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from service.problems import Problem
from service.settings import Settings

_T = TypeVar("_T")


def this_request() -> Request:
    """The request itself: Flask's stand-in for it finds it anew for every attribute, which takes longer than the attribute."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined] # every stand-in has it; no stub says so
    return found


def new_request_id() -> str:
    """What a request is called that brings no name of its own: 32 hexadecimal digits, by chance."""
    return os.urandom(16).hex()


def check_query(request: Request) -> None:
    """Raise a 400 `Problem` for a query string with bytes that werkzeug would fail to decode, whoever reads it later."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        raise Problem(400, "the query string is not UTF-8; write other bytes as %XX") from None


def read_body(request: Request, settings: Settings) -> bytes:
    """The whole body. Raises `Problem` for one that is too long or breaks off."""
    length = request.content_length
    body: bytes | None
    try:
        if length is not None and length <= settings.max_body:
            body = request.environ["wsgi.input"].read(length)  # as `get_data` does, without counting along
        else:
            body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    except (ClientDisconnected, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__context__
        if isinstance(cause, TimeoutError):
            raise Problem(408, cause.strerror or "the body comes too slowly") from None
        raise Problem(400, "the body broke off before its end; send it again") from None
    if body is None or len(body) > settings.max_body:  # chunks tell their length only when they are read
        raise Problem(413, f"the body is over {settings.max_body:,} bytes; send fewer or shorter documents a request")
    if len(body) < (length or 0):
        raise Problem(400, f"the body broke off after {len(body):,} of {length:,} bytes; send it again")
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


def decode(body: bytes | bytearray | msgspec.Raw, type_: type[_T], prefix: str) -> _T:
    """JSON as a type. Raises a 400 `Problem` whose pointer begins with `prefix`."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        pointer = prefix + "".join(f"/{part}" for part in re.findall(r"[^$.\[\]`]+", path.replace("...", "")))
        raise bad_shape(pointer, _brief(what)) from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Problem(400, f"not JSON: {_brief(str(error))}", [(prefix, "not JSON")] if prefix else ()) from None


def _brief(message: str) -> str:
    """A decoder's message without what it may quote at length."""
    return message if len(message) <= 160 else message[:160] + "…"


def bad_shape(pointer: str, detail: str) -> Problem:
    """What is wrong with the shape of the JSON at a pointer."""
    return Problem(400, f"{pointer or 'the JSON'}: {detail}", [(pointer, detail)])
