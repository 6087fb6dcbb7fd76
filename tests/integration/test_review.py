"""The review queue: what gets in, who is given what, and what happens to it."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from models.corrections import Correction
from models.decisions import Cut
from models.pipeline import Document, Form
from models.release import Release
from models.store import Store
from models.tables import candidates
from service import review_queue
from service.app import create_app
from service.candidates import BATCH, Candidate, Collector
from service.review_queue import ReviewQueue
from service.settings import Settings
from service.store import StoreHandle
from tests.postgres import Server

DOUBTFUL = "The council said that the bank had asked about sanctions."
_WORDS = (
    "harbour council bridge winter orchestra museum ferry lantern orchard railway blanket granite kettle mirror pepper saddle "
    "thunder velvet walnut anchor barrel candle dagger engine feather garden hammer island jungle ladder magnet needle oyster"
).split()


def _story(number: int) -> str:
    """A story like no other one: enough words for near-duplicates to be told."""
    return " ".join(random.Random(number).choices(_WORDS, k=40))


def _candidate(number: int, topic: str | None = "sanctions", priority: float = 0.5, **more: Any) -> Candidate:
    return Candidate(topic, priority, **{"headline": None, "text": _story(number), "document_id": None, "model_version": "v1", "topics": [], **more})  # fmt: skip


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store(database_url) as opened:
        yield opened


@pytest.fixture
def queue(store: Store) -> ReviewQueue:
    return ReviewQueue(store.database)


@pytest.fixture(scope="session")
def doubting(release: Release) -> Release:
    """The shipped model, which here leaves every topic of every text for review."""
    return replace(release, cuts=tuple(Cut(0.9999, 0.0) for _ in release.cuts))


@pytest.fixture
def desk_app(database_url: str, doubting: Release) -> Iterator[Flask]:
    app = create_app(Settings(database_url=database_url, review="on"), doubting)
    yield app
    app.extensions["wiretag_store"].close()


@pytest.fixture
def desk(desk_app: Flask) -> FlaskClient:
    return desk_app.test_client()


def test_from_classification_to_correction(desk: FlaskClient, desk_app: Flask) -> None:
    """What the model doubts is handed out with what it thought, and is gone once somebody has answered."""
    result = desk.post("/classify", json={"text": DOUBTFUL, "headline": "Bank", "document_id": "a1"}).json
    desk_app.extensions["wiretag_candidates"].flush()
    answer = desk.get("/review?annotator=ann")
    (item,) = answer.json["items"]
    doubted = [topic for topic in result["topics"] if topic["decision"] == "review"]
    assert doubted
    assert item["topic"] in {topic["topic"] for topic in doubted}
    assert (item["text"], item["headline"], item["document_id"]) == (DOUBTFUL, "Bank", "a1")
    assert item["model_version"] == result["model_version"]
    assert item["topics"] == [
        {name: topic[name] for name in ("topic", "score", "threshold", "decision")} for topic in result["topics"]
    ]
    assert (answer.json["waiting"], answer.json["collecting"], answer.headers["Cache-Control"]) == (1, True, "no-store")
    body = {"text": item["text"], "headline": item["headline"], "topics": [], "shown": [item["topic"]], "document_id": "a1"}
    assert desk.post("/corrections", json=body).json["segment_hash"] == item["segment_hash"]
    assert desk.get("/review?annotator=ann").json == {"items": [], "waiting": 0, "lease_seconds": 900, "collecting": True}


def test_an_answered_segment_does_not_come_back(queue: ReviewQueue, store: Store) -> None:
    """Though the page is scraped and doubted again; nor does a near-copy of it."""
    store.add(Correction(text=_story(1), topics=()))
    queue.add([_candidate(1), _candidate(0, text=_story(1).replace("harbour", "port") + " again"), _candidate(2)])
    assert [item.text for item in queue.hand_out("ann", 9)] == [_story(2)]


def test_pages_give_their_segments(desk: FlaskClient, desk_app: Flask) -> None:
    """Every story of a page is a candidate of its own, with its headline apart, and never the page."""
    page = f"Bank under scrutiny\n{DOUBTFUL}\n"
    result = desk.post("/classify", json={"page": page}).json
    desk_app.extensions["wiretag_candidates"].flush()
    items = desk.get("/review").json["items"]
    assert len(items) == len(result["segments"]) == 1
    assert not items[0]["text"].startswith("Bank under scrutiny\n")


def test_nothing_is_kept_unless_asked_for(database_url: str, doubting: Release) -> None:
    """Texts of documents are stored only where WIRETAG_REVIEW says so."""
    app = create_app(Settings(database_url=database_url), doubting)
    client = app.test_client()
    client.post("/classify", json={"text": DOUBTFUL})
    assert app.extensions["wiretag_candidates"] is None
    assert client.get("/review").json == {"items": [], "waiting": 0, "lease_seconds": 900, "collecting": False}
    app.extensions["wiretag_store"].close()


def test_least_certain_first_and_topics_in_turn(queue: ReviewQueue) -> None:
    """One topic with much doubt does not crowd out the others."""
    queue.add([_candidate(n, "sanctions", priority=0.01 * n) for n in range(20)])
    queue.add([_candidate(100 + n, "ukraine_war", priority=1 + n) for n in range(3)])
    items = queue.hand_out("ann", 6)
    assert sorted(item.topic for item in items) == ["sanctions"] * 3 + ["ukraine_war"] * 3
    for topic in ("sanctions", "ukraine_war"):
        priorities = [item.priority for item in items if item.topic == topic]
        assert priorities == sorted(priorities)
        assert priorities[0] == {"sanctions": 0.0, "ukraine_war": 1.0}[topic]


def test_a_story_is_handed_out_once(queue: ReviewQueue) -> None:
    """Near-copies of what is handed out, to the same person or another, wait."""
    queue.add([_candidate(1), _candidate(0, text=_story(1) + " updated"), _candidate(2)])
    assert {item.text for item in queue.hand_out("ann", 9)} == {_story(1), _story(2)}
    assert queue.hand_out("bob", 9) == []


def test_some_of_the_random_sample_comes_along(queue: ReviewQueue) -> None:
    """One in ten, so that what the model is wrongly sure of is found; all of them when nothing is doubted."""
    queue.add([_candidate(n) for n in range(150)] + [_candidate(1_000 + n, None, n / 100) for n in range(60)])
    items = [item for _ in range(20) for item in queue.hand_out(f"a{_}", 5)]
    assert 1 <= sum(item.topic is None for item in items) <= 25
    assert len({item.id for item in items}) == 100


def test_a_quiet_desk_gets_the_sample(queue: ReviewQueue) -> None:
    """Where the model doubts nothing, the lowest lots of everything are worth a look."""
    queue.add([_candidate(n, None, n / 10) for n in range(5)])
    assert [item.priority for item in queue.hand_out("ann", 3)] == [0.0, 0.1, 0.2]


def test_two_annotators_never_hold_the_same(queue: ReviewQueue, store: Store) -> None:
    """Each gets others; who asks again gets their own first; a lease that ran out, or a clock set back, frees an item."""
    queue.add([_candidate(n) for n in range(6)])
    ann, bob = queue.hand_out("ann", 3), queue.hand_out("bob", 3)
    assert len({item.id for item in [*ann, *bob]}) == 6
    assert [item.id for item in queue.hand_out("ann", 3)] == sorted(item.id for item in ann)
    assert queue.hand_out("cas", 3) == []
    for until in (datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(days=365)):
        with store.database.writing() as connection:
            connection.execute(sa.update(candidates).values(claimed_by="ann", claimed_until=until))
        assert len(queue.hand_out(f"cas{until}", 9)) == 6


def test_people_without_a_name_never_share(desk: FlaskClient, desk_app: Flask) -> None:
    """Where nobody says who asks, every answer goes to somebody else."""
    with desk_app.extensions["wiretag_store"].use() as store:
        ReviewQueue(store.database).add([_candidate(n) for n in range(4)])
    first, second = (desk.get("/review?limit=2").json["items"] for _ in range(2))
    assert len({item["id"] for item in [*first, *second]}) == 4
    assert desk.get("/review?limit=2").json["items"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=51", "limit=x", "annotator=", "annotator=a%20b", "annotator=%00", "topic=a"]
)
def test_options_out_of_range(desk: FlaskClient, query: str) -> None:
    """An option that cannot be meant is named."""
    answer = desk.get(f"/review?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json["detail"]


def test_the_queue_is_bounded_in_rows_and_age(queue: ReviewQueue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept are the least certain of each topic and the lowest lots; the rest, what is too old and what was answered goes."""
    monkeypatch.setattr(review_queue, "ROWS", 3)
    monkeypatch.setattr(review_queue, "SAMPLE_ROWS", 2)
    queue.add([_candidate(n, "sanctions" if n % 2 else "ukraine_war", float(n)) for n in range(10)])
    queue.add([_candidate(100 + n, None, n / 10) for n in range(5)])
    assert queue.trim(timedelta(days=1)) == pytest.approx(0.1)
    with store.database.reading() as connection:
        kept = connection.execute(sa.select(candidates.c.topic, candidates.c.priority).order_by(candidates.c.priority)).all()
    assert {priority for topic, priority in kept if topic} == {0, 1, 2, 3, 4, 5}
    assert [priority for topic, priority in kept if not topic] == pytest.approx([0, 0.1])
    store.add(Correction(text=_story(101), topics=()))
    assert queue.trim(timedelta(days=1)) == 1.0
    assert queue.trim(timedelta(0)) == 1.0
    assert queue.waiting() == 0


def test_a_segment_that_is_doubted_again_takes_the_newer_opinion(queue: ReviewQueue) -> None:
    """One row a segment, with what the model of today thinks."""
    queue.add([_candidate(1, "sanctions", 0.5)])
    queue.add([_candidate(1, "ukraine_war", 0.1, model_version="v2"), _candidate(1, "ukraine_war", 0.1, model_version="v2")])
    (item,) = queue.hand_out("ann", 9)
    assert (item.topic, item.priority, item.model_version) == ("ukraine_war", 0.1, "v2")


def _result(text: str, score: float, reason: str | None = None) -> dict[str, Any]:
    topic = {"topic": "sanctions", "score": score, "threshold": 0.6, "decision": "review"}
    return {"model_version": "v1", "topics": [topic], "none": True, "reason": reason, "segments": [], "text": text}


def test_of_each_second_the_least_certain_are_kept(store: Store, database_url: str) -> None:
    """However many documents a second, a fixed number of texts is held and written: those nearest to the threshold."""
    handle = StoreHandle(database_url)
    collector = Collector(handle, 30)
    collector._thread = object()  # type: ignore[assignment]  # flushed by hand
    for n in range(200):
        text = _story(n)
        collector.offer([Document(text, Form.TEXT)], [_result(text, 0.59 - n * 0.001)])
    collector.flush()
    assert {item.text for item in ReviewQueue(store.database).hand_out("ann", 50)} == {_story(n) for n in range(BATCH)}
    handle.close()


def test_what_nobody_could_judge_is_no_candidate(store: Store, database_url: str) -> None:
    """Texts that are too short or in another language, errors, and texts longer than a correction may be."""
    handle = StoreHandle(database_url)
    collector = Collector(handle, 30)
    collector._thread = object()  # type: ignore[assignment]  # flushed by hand
    for reason in ("too_short", "unsupported_language"):
        collector.offer([Document("Bank.")], [_result("Bank.", 0.5, reason)])
    collector.offer([Document("a" * 100_001)], [_result("", 0.5)])
    collector.offer([Document("Bank.")], [{"document_id": None, "error": {}}])
    collector.offer([object()], [{"document_id": None, "error": {}}])
    collector.flush()
    assert ReviewQueue(store.database).waiting() == 0
    handle.close()


def test_candidates_are_written_by_themselves(desk: FlaskClient) -> None:
    """The thread of the process writes within seconds, without anybody's asking."""
    desk.post("/classify", json={"documents": [{"text": DOUBTFUL}, {"text": ""}]})
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if desk.get("/review").json["waiting"] == 1:
            return
        time.sleep(0.1)
    pytest.fail("nothing was written")


def test_collecting_survives_a_store_that_is_away(postgres: Server, doubting: Release) -> None:
    """Classification never notices, nothing piles up, and collecting goes on when the store is back."""
    app = create_app(Settings(database_url=postgres.create("away"), review="on"), doubting)
    client, collector = app.test_client(), app.extensions["wiretag_candidates"]
    collector._thread = object()  # flushed by hand
    postgres.stop()
    try:
        assert client.post("/classify", json={"text": DOUBTFUL}).status_code == 200
        collector.flush()
        assert not collector._held
    finally:
        postgres.start()
    time.sleep(1.1)
    assert client.post("/classify", json={"text": DOUBTFUL}).status_code == 200
    collector.flush()
    assert client.get("/review").json["waiting"] == 1
    app.extensions["wiretag_store"].close()


def test_deletion_by_document_takes_candidates(desk: FlaskClient, desk_app: Flask) -> None:
    """What a publisher asks to be deleted is deleted from the queue too."""
    with desk_app.extensions["wiretag_store"].use() as store:
        ReviewQueue(store.database).add([_candidate(1, document_id="a1"), _candidate(2, document_id="a2")])
    assert desk.delete("/corrections?document_id=a1").json == {"corrections": 0, "candidates": 1}
    assert [item["document_id"] for item in desk.get("/review").json["items"]] == ["a2"]
