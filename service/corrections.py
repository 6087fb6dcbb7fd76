"""POST, GET and DELETE /corrections."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, current_app, g, request
from msgspec import UNSET, UnsetType

from models.corrections import MAX_LINE, MAX_NAME, MAX_SHOWN, MAX_TEXT, Correction, Stored, check
from service.answers import TopicId
from service.keys import Role, needs
from service.model import serving
from service.openapi import operation
from service.problems import Problem
from service.schema import NOT_BLANK, WITHOUT_NUL
from service.store import store
from service.wire import json_response, read_json, read_query

blueprint = Blueprint("corrections", __name__)

_KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MAX_ID = 2**63 - 1
_DocumentId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00]*$")]


def _bounded(limit: int, pattern: str = WITHOUT_NUL) -> msgspec.Meta:
    """Bounds that `models.corrections.check` holds; described here."""
    return msgspec.Meta(extra_json_schema={"maxLength": limit, "pattern": pattern})


_Shown = Annotated[
    list[Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[a-z][a-z0-9_]{0,63}$"})]],
    msgspec.Meta(extra_json_schema={"maxItems": MAX_SHOWN}),
]


class NewCorrection(msgspec.Struct, forbid_unknown_fields=True):
    """A segment and the topics it should have; `shown` are those that a model gave it."""

    text: Annotated[str, _bounded(MAX_TEXT, NOT_BLANK)]
    topics: list[TopicId]
    headline: Annotated[str, _bounded(MAX_LINE)] | None = None
    shown: _Shown | None = None
    document_id: Annotated[str, _bounded(MAX_NAME)] | None = None
    model_version: Annotated[str, _bounded(MAX_NAME)] | None = None
    note: Annotated[str, _bounded(MAX_LINE)] | None = None


class StoredCorrection(msgspec.Struct):
    """A correction as it was stored."""

    id: int
    segment_hash: str
    text: str
    headline: str | None
    topics: list[str]
    shown: list[str] | None
    document_id: str | None
    model_version: str | None
    note: str | None
    corrected_by: str | None
    recorded_at: datetime


class ListedCorrection(StoredCorrection):
    """A stored correction and whether it stands: whether no later one is on the same segment."""

    stands: bool


class CorrectionPage(msgspec.Struct):
    """Corrections, the newest first; `next` is the `before` of the next page, null on the last."""

    corrections: list[ListedCorrection]
    next: int | None


class CorrectionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which corrections to list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    before: Annotated[int, msgspec.Meta(ge=1, le=_MAX_ID)] | None = None
    topic: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")] | None = None
    document_id: _DocumentId | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class DeletionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Whose corrections to delete."""

    document_id: _DocumentId


class Deleted(msgspec.Struct):
    """How much was deleted."""

    corrections: int
    candidates: int


class CorrectionHeaders(msgspec.Struct):
    """Headers of a correction."""

    idempotency_key: (
        Annotated[
            str, msgspec.Meta(pattern=f"^{_KEY.pattern}$", description="of your choice: what is sent again is stored once")
        ]
        | UnsetType
    ) = msgspec.field(default=UNSET, name=_KEY_HEADER)


@blueprint.post("/corrections")
@needs(Role.CORRECT)
@operation(
    "Store what a segment's topics should be",
    StoredCorrection,
    status=201,
    body=NewCorrection,
    headers=CorrectionHeaders,
    problems=(400, 413, 415, 422, 503),
)
def post() -> Response:
    """Store a correction; it is durable when the answer comes."""
    given = read_json(request, NewCorrection, current_app.config["WIRETAG_SETTINGS"])
    key = request.headers.get(_KEY_HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, f"{_KEY_HEADER}: send 1 to 255 printable ASCII characters without spaces, such as a UUID")
    fields = msgspec.structs.asdict(given)
    check(Correction(**fields), [topic.id for topic in serving().topics])  # as it was sent: bounds count what is repeated
    fields["topics"] = tuple(sorted(set(given.topics)))
    fields["shown"] = None if given.shown is None else tuple(sorted(set(given.shown)))
    correction = Correction(**fields)
    with store().use() as opened:
        stored = opened.add(correction, by=g.get("key_name"), key=key)
    answer = json_response(_wire(stored, StoredCorrection))
    answer.status_code = 201
    answer.headers["Location"] = f"/corrections/{stored.id}"
    return answer


@blueprint.get("/corrections")
@needs(Role.CORRECT)
@operation("List corrections, the newest first", CorrectionPage, query=CorrectionQuery, problems=(400, 503))
def page() -> Response:
    """A page of corrections."""
    query = read_query(request, CorrectionQuery)
    with store().use() as opened:
        found = opened.page(query.limit + 1, query.before, query.topic, query.document_id, _in_utc(query.since))
    shown = found[: query.limit]
    listed = [_wire(stored, ListedCorrection) for stored in shown]
    return json_response(CorrectionPage(listed, shown[-1].id if len(found) > query.limit else None))


@blueprint.get("/corrections/<int:number>")
@needs(Role.CORRECT)
@operation("One correction", ListedCorrection, problems=(404, 503))
def one(number: int) -> Response:
    """A correction by its id."""
    found = None
    if number <= _MAX_ID:
        with store().use() as opened:
            found = opened.get(number)
    if found is None:
        raise Problem(404, "there is no correction of this id; it may have been deleted")
    return json_response(_wire(found, ListedCorrection))


@blueprint.delete("/corrections")
@needs(Role.ADMIN)
@operation("Delete what is kept of a document", Deleted, query=DeletionQuery, problems=(400, 503))
def delete() -> Response:
    """Delete a document's corrections and candidates for review, for good."""
    query = read_query(request, DeletionQuery)
    with store().use() as opened:
        return json_response(Deleted(*opened.delete_document(query.document_id)))


def _wire(stored: Stored, type_: type[Any]) -> Any:
    return msgspec.convert(stored, type_, from_attributes=True)


def _in_utc(moment: datetime | None) -> datetime | None:
    """A moment of the address; without a zone it is taken for UTC."""
    try:
        return moment.astimezone(UTC) if moment and moment.tzinfo else moment and moment.replace(tzinfo=UTC)
    except OverflowError:
        raise Problem(400, "since: beyond the calendar") from None
