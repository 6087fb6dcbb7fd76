"""The review queue: what is kept of the candidates, and who looks at which."""

import random
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, delete, exists, func, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.corrections import as_segment, segment_hash
from models.database import Database
from models.duplicates import Seen
from models.tables import candidates as table
from models.tables import corrections
from service.candidates import Candidate

ROWS = 2_000  # candidates kept of each topic
SAMPLE_ROWS = 500  # and of the random sample
SAMPLE = 0.1  # chance of an item to come from the random sample
LEASE = timedelta(minutes=15)  # for which nobody else gets an item
_LOOK_AHEAD = 3  # candidates read for each that is wanted: some are near-duplicates of others
_ANSWERED = 300  # latest corrections whose near-duplicates are not handed out

Item = Row[Any]


class ReviewQueue:
    """The candidates in a database. Every method raises `StoreError` while it cannot be used."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, found: Sequence[Candidate]) -> None:
        """Keep candidates. A segment that is there already takes the newer model's opinion."""
        if not found:
            return
        now = datetime.now(UTC)
        rows = {}
        for candidate in found:
            headline, text = as_segment(candidate.headline, candidate.text)
            hash_ = segment_hash(headline, text)
            rows[hash_] = {**asdict(candidate), "headline": headline, "text": text, "segment_hash": hash_, "seen_at": now}
        dialect = sqlite if self._database.is_sqlite else postgresql
        insert = dialect.insert(table)
        newer = ("topic", "priority", "topics", "model_version", "document_id", "seen_at")
        insert = insert.on_conflict_do_update(
            index_elements=["segment_hash"], set_={name: insert.excluded[name] for name in newer}
        )
        with self._database.writing() as connection:
            connection.execute(insert, list(rows.values()))

    def trim(self, max_age: timedelta) -> float:
        """Delete what is too old, was answered, or is beyond the bound: the most certain of a topic, the highest lots.

        Gives the lot below which a text can still enter the sample. So the sample is drawn from all texts alike.
        """
        rank = func.row_number().over(partition_by=table.c.topic, order_by=table.c.priority)
        ranked = select(table.c.id, table.c.topic, rank.label("rank")).subquery()
        bound = case((ranked.c.topic.is_(None), SAMPLE_ROWS), else_=ROWS)
        beyond = select(ranked.c.id).where(ranked.c.rank > bound)
        lots = select(func.count(), func.max(table.c.priority)).where(table.c.topic.is_(None))
        with self._database.writing() as connection:
            connection.execute(delete(table).where(or_(table.c.seen_at < datetime.now(UTC) - max_age, not_(_is_open()))))
            connection.execute(delete(table).where(table.c.id.in_(beyond)))
            number, highest = connection.execute(lots).one()
        return float(highest) if number >= SAMPLE_ROWS else 1.0

    def waiting(self) -> int:
        """The number of segments that nobody has answered."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(_is_open())).scalar_one())

    def hand_out(self, annotator: str, limit: int) -> list[Item]:
        """Up to `limit` segments, which nobody but this annotator gets for 15 minutes.

        First come those handed out to them before; then the least certain of each topic in turn, and one in ten of the random
        sample. Of near-duplicates one is enough.
        """
        now = datetime.now(UTC)
        # a clock that was set back frees what it held; those of several machines may differ a little
        held = and_(table.c.claimed_until > now, table.c.claimed_until <= now + 2 * LEASE)
        is_held = func.coalesce(held, False)
        with self._database.reading() as connection:
            leased = connection.execute(select(table).where(_is_open(), is_held).order_by(table.c.id)).all()
            own = [item for item in leased if item.claimed_by == annotator][:limit]
            rank = func.row_number().over(partition_by=table.c.topic, order_by=(table.c.priority, table.c.id))
            free = select(table.c.id, rank.label("rank")).where(_is_open(), not_(is_held)).subquery()
            query = select(table).join(free, free.c.id == table.c.id).where(free.c.rank <= limit * _LOOK_AHEAD)
            pool = connection.execute(query.order_by(table.c.priority, table.c.id)).all() if len(own) < limit else []
            answered = select(corrections.c.text).order_by(corrections.c.id.desc()).limit(_ANSWERED)
            known = [*connection.execute(answered).scalars(), *(item.text for item in leased)] if pool else []
        chosen = [*own, *spread(pool, limit - len(own), known, random.Random())]
        is_mine = and_(is_held, table.c.claimed_by == annotator)
        claim = update(table).where(table.c.id.in_([item.id for item in chosen]), or_(not_(is_held), is_mine))
        claim = claim.values(claimed_by=annotator, claimed_until=now + LEASE)
        with self._database.writing() as connection:
            claimed = set(connection.execute(claim.returning(table.c.id)).scalars())
        return [item for item in chosen if item.id in claimed]  # another annotator may have been quicker


def spread(pool: Iterable[Item], limit: int, known: Iterable[str], rng: random.Random) -> list[Item]:
    """Up to `limit` items of a pool in order of priority: topics in turn, some of the random sample between, no story twice.

    A story like one of the `known` texts is left out.
    """
    seen = Seen()
    for number, text in enumerate(known):
        seen.first_like(text, ("known", number))
    queues: dict[str | None, deque[Item]] = defaultdict(deque)
    for item in pool:
        queues[item.topic].append(item)
    sample = queues.pop(None, deque())
    turns = list(queues.values())
    rng.shuffle(turns)  # who asks for one item at a time meets every topic
    chosen: list[Item] = []
    while len(chosen) < limit and (sample or turns):
        if sample and (not turns or rng.random() < SAMPLE):
            queue = sample
        else:
            queue = turns.pop(0)
            if len(queue) > 1:
                turns.append(queue)
        item = queue.popleft()
        if seen.first_like(item.text, ("pool", item.id)) is None:
            chosen.append(item)
    return chosen


def _is_open() -> ColumnElement[bool]:
    """Whether nobody has corrected or confirmed the segment."""
    return ~exists().where(corrections.c.segment_hash == table.c.segment_hash)
