"""GET /review: what is most worth a person's minute."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Flask, Response, current_app, g, request

from models.pipeline import Json
from service.candidates import Collector
from service.keys import Role, needs
from service.openapi import operation
from service.settings import Settings
from service.store import store
from service.wire import json_response, read_query

blueprint = Blueprint("review", __name__)


class ReviewQuery(msgspec.Struct, forbid_unknown_fields=True):
    """How many segments to hand out, and to whom: people who share a key tell themselves apart by `annotator`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    annotator: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._@-]{1,64}$")] | None = None


class ReviewTopic(msgspec.Struct):
    """A topic that the model considered."""

    topic: str
    score: float
    threshold: float
    decision: str


class ReviewItem(msgspec.Struct):
    """A segment to look at. `topic` is the one in doubt, null for a segment of the random sample."""

    id: int
    segment_hash: str
    topic: str | None
    headline: str | None
    text: str
    topics: list[ReviewTopic]
    document_id: str | None
    model_version: str


class ReviewBatch(msgspec.Struct):
    """Segments that nobody else gets for `lease_seconds`; `waiting` counts all that are unanswered."""

    items: list[ReviewItem]
    waiting: int
    lease_seconds: int
    collecting: bool


def init_app(app: Flask, settings: Settings) -> None:
    """Collect candidates where that is set."""
    handle = app.extensions["wiretag_store"]
    app.extensions["wiretag_candidates"] = Collector(handle, settings.review_days) if settings.review == "on" else None


def offer(documents: Sequence[Any], results: Sequence[Json]) -> None:
    """Hand classified documents to the collector, if there is one."""
    collector: Collector | None = current_app.extensions["wiretag_candidates"]
    if collector is not None:
        collector.offer(documents, results)


@blueprint.get("/review")
@needs(Role.CORRECT)
@operation("Segments most worth a person's look", ReviewBatch, query=ReviewQuery, problems=(400, 503))
def review() -> Response:
    """Hand out segments; each goes to one person at a time and is gone once corrected or confirmed."""
    query = read_query(request, ReviewQuery)
    names = [name for name in (g.get("key_name"), query.annotator) if name]
    annotator = "/".join(names) or uuid.uuid4().hex  # who has no name gets what nobody has
    with store().use() as opened:
        from service.review_queue import LEASE, ReviewQueue

        queue = ReviewQueue(opened.database)
        found, waiting = queue.hand_out(annotator, query.limit), queue.waiting()
    items = [msgspec.convert(item, ReviewItem, from_attributes=True) for item in found]
    collecting = current_app.extensions["wiretag_candidates"] is not None
    answer = json_response(ReviewBatch(items, waiting, int(LEASE.total_seconds()), collecting))
    answer.headers["Cache-Control"] = "no-store"
    return answer
