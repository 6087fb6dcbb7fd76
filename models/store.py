"""The corrections store: kept for good, the later correction of a segment stands. What the service and retraining share."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Row, Text, and_, cast, delete, exists, func, insert, or_, select

from models.corrections import Correction, Stored, segment_hash
from models.database import DEFAULT_URL, Database
from models.errors import InputError
from models.tables import candidates
from models.tables import corrections as table

_BATCH = 500  # rows read or written at a time

_later = table.alias("later")
_other = table.alias("other")
_after = table.alias("after")
_FIELDS = [each.name for each in fields(Correction)]


@dataclass(slots=True)
class Counts:
    """How often standing corrections gave a topic, added it to what was shown, and took it away."""

    given: int = 0
    added: int = 0
    removed: int = 0


@dataclass(slots=True)
class Stats:
    """What a store holds. `conflicts` are segments on which people's last words differ."""

    corrections: int
    segments: int
    conflicts: int
    candidates: int
    first: datetime | None
    last: datetime | None
    without_topic: int = 0
    topics: dict[str, Counts] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)


class Store:
    """The corrections in one database. May be shared by threads. Every method raises `StoreError` while it cannot be used."""

    def __init__(self, url: str = DEFAULT_URL, now: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self.database = Database(url)
        self._now = now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def add(self, correction: Correction, by: str | None = None, key: str | None = None) -> Stored:
        """Store a correction; it is durable on return. `by` is who corrects.

        The same `key` of the same person with the same correction gives the one stored before; with another it raises
        `InputError`.
        """
        with self.database.writing() as connection:
            if key is not None:
                before = connection.execute(
                    select(table, _stands()).where(table.c.corrected_by == (by or ""), table.c.idempotency_key == key)
                ).first()
                if before is not None:
                    stored = _stored(before)
                    if any(getattr(stored, name) != getattr(correction, name) for name in _FIELDS):
                        raise InputError("this Idempotency-Key came with another correction before; give each its own")
                    return stored
            return self._insert(connection, correction, by, key)

    def add_new(self, corrections: Iterable[Correction], by: str | None = None) -> int:
        """Store those that say something new: another label than the one that stands, or a segment without any.

        So an import that was interrupted is simply run again. Gives how many were stored.
        """
        n_stored = 0
        rows = list(corrections)
        for start in range(0, len(rows), _BATCH):
            with self.database.writing() as connection:
                for row in rows[start : start + _BATCH]:
                    hash_ = segment_hash(row.headline, row.text)
                    standing = connection.execute(
                        select(table.c.topics).where(table.c.segment_hash == hash_).order_by(table.c.id.desc()).limit(1)
                    ).scalar()
                    if standing is None or tuple(standing) != row.topics:
                        self._insert(connection, row, by, None)
                        n_stored += 1
        return n_stored

    def get(self, id_: int) -> Stored | None:
        """One correction."""
        with self.database.reading() as connection:
            row = connection.execute(select(table, _stands()).where(table.c.id == id_)).first()
        return None if row is None else _stored(row)

    def page(
        self,
        limit: int,
        before: int | None = None,
        topic: str | None = None,
        document_id: str | None = None,
        since: datetime | None = None,
    ) -> list[Stored]:
        """Up to `limit` corrections with ids below `before`, the newest first; of those that give a topic, or of a document.

        `since` takes the first one recorded at that time or later and all that were stored after it, whatever the clock said.
        """
        query = select(table, _stands()).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.id < before)
        if topic is not None:
            query = query.where(cast(table.c.topics, Text).contains(f'"{topic}"', autoescape=True))
        if document_id is not None:
            query = query.where(table.c.document_id == document_id)
        if since is not None:
            first = select(func.min(_other.c.id)).where(_other.c.recorded_at >= since).scalar_subquery()
            query = query.where(table.c.id >= first)
        with self.database.reading() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def standing(self) -> Iterator[Stored]:
        """The correction that stands of every segment, in the order they were stored; none that comes in meanwhile."""
        top = self._top()
        return self._walk(top, _is_last(top))

    def history(self) -> Iterator[tuple[Stored, bool]]:
        """Every correction with whether people's last words on its segment differ, in the order they were stored."""
        with self.database.reading() as connection:
            conflicting = set(connection.execute(select(table.c.segment_hash).where(_is_disputed())).scalars())
        return ((stored, stored.segment_hash in conflicting) for stored in self._walk(self._top()))

    def conflicts(self) -> int:
        """The number of segments on which people's last words differ."""
        with self.database.reading() as connection:
            return int(
                connection.execute(select(func.count(table.c.segment_hash.distinct())).where(_is_disputed())).scalar_one()
            )

    def delete_document(self, document_id: str) -> tuple[int, int]:
        """Delete what was kept of a document for good. Gives the numbers of corrections and of candidates for review."""
        return self._delete(table.c.document_id == document_id, candidates.c.document_id == document_id)

    def prune(self, before: datetime) -> tuple[int, int]:
        """Delete what was recorded before a moment for good. Gives the numbers of corrections and of candidates for review."""
        return self._delete(table.c.recorded_at < before, candidates.c.seen_at < before)

    def stats(self) -> Stats:
        """What the store holds."""
        with self.database.reading() as connection:
            counted = connection.execute(
                select(
                    func.count(),
                    func.count(table.c.segment_hash.distinct()),
                    func.min(table.c.recorded_at),
                    func.max(table.c.recorded_at),
                )
            ).one()
            waiting = connection.execute(select(func.count()).select_from(candidates)).scalar_one()
            people = connection.execute(select(table.c.corrected_by, func.count()).group_by(table.c.corrected_by)).all()
        stats = Stats(counted[0], counted[1], self.conflicts(), waiting, counted[2], counted[3])
        stats.people = dict(Counter(dict(map(tuple, people))).most_common())
        found: dict[str, Counts] = {}
        for stored in self.standing():
            stats.without_topic += not stored.topics
            for topic in stored.topics:
                found.setdefault(topic, Counts()).given += 1
            if stored.shown is not None:
                for topic in set(stored.topics) - set(stored.shown):
                    found[topic].added += 1
                for topic in set(stored.shown) - set(stored.topics):
                    found.setdefault(topic, Counts()).removed += 1
        stats.topics = dict(sorted(found.items()))
        return stats

    def _insert(self, connection: Connection, correction: Correction, by: str | None, key: str | None) -> Stored:
        values: dict[str, Any] = {name: getattr(correction, name) for name in _FIELDS}
        values["segment_hash"] = segment_hash(correction.headline, correction.text)
        values["recorded_at"] = self._now()
        values["corrected_by"] = by or ""
        id_ = connection.execute(insert(table).values(**values, idempotency_key=key).returning(table.c.id)).scalar_one()
        connection.execute(delete(candidates).where(candidates.c.segment_hash == values["segment_hash"]))  # it was answered
        return Stored(**{**values, "corrected_by": by or None}, id=id_, stands=True)

    def _top(self) -> int:
        with self.database.reading() as connection:
            return int(connection.execute(select(func.max(table.c.id))).scalar() or 0)

    def _walk(self, top: int, *conditions: ColumnElement[bool]) -> Iterator[Stored]:
        """Corrections up to an id, read in batches so that no reader holds the database."""
        last = 0
        while True:
            query = select(table, _stands()).where(table.c.id > last, table.c.id <= top, *conditions)
            with self.database.reading() as connection:
                rows = connection.execute(query.order_by(table.c.id).limit(_BATCH)).all()
            yield from map(_stored, rows)
            if len(rows) < _BATCH:
                return
            last = rows[-1].id

    def _delete(self, of_corrections: ColumnElement[bool], of_candidates: ColumnElement[bool]) -> tuple[int, int]:
        with self.database.writing() as connection:
            numbers = (
                connection.execute(delete(table).where(of_corrections)).rowcount,
                connection.execute(delete(candidates).where(of_candidates)).rowcount,
            )
        self.database.forget()
        return numbers


def _stored(row: Row[Any]) -> Stored:
    values = dict(row._mapping)
    del values["idempotency_key"]
    values["topics"] = tuple(values["topics"])
    values["shown"] = None if values["shown"] is None else tuple(values["shown"])
    values["corrected_by"] = values["corrected_by"] or None
    return Stored(**values)


def _is_last(top: int | None = None) -> ColumnElement[bool]:
    """Whether no correction of the segment came after, up to an id."""
    after = and_(_later.c.segment_hash == table.c.segment_hash, _later.c.id > table.c.id)
    return ~exists().where(after if top is None else and_(after, _later.c.id <= top))


def _stands() -> ColumnElement[bool]:
    return _is_last().label("stands")


def _is_disputed() -> ColumnElement[bool]:
    """Whether a correction stands against another's last word. People without names are taken for different ones."""
    changed_mind = exists().where(
        _after.c.segment_hash == _other.c.segment_hash,
        _after.c.corrected_by == _other.c.corrected_by,
        _after.c.id > _other.c.id,
        _other.c.corrected_by != "",
    )
    differs = exists().where(
        _other.c.segment_hash == table.c.segment_hash,
        cast(_other.c.topics, Text) != cast(table.c.topics, Text),
        or_(_other.c.corrected_by != table.c.corrected_by, table.c.corrected_by == ""),
        ~changed_mind,
    )
    return and_(_is_last(), differs)
