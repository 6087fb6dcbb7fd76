"""What a bulk run found, counted in bounded memory: topics by day and by source, and which come together.

A document counts once under each topic that is assigned to it: a text's own, a page's those of its main segment.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from models.pipeline import Json

MAX_KEYS = 100_000  # sources, and pairs of topics, told apart; those that come later count as OTHER
OTHER = "(other)"
UNKNOWN = "(unknown)"
DAY_COLUMNS = ("published", "published_at", "date", "warc_date")
SOURCE_COLUMNS = ("source", "outlet", "site", "domain")
URL_COLUMNS = ("url", "uri", "document_id")

_MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?!\d)")
_DAY_FIRST = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)? ([a-z]{3})[a-z]*\.?,? (\d{4})\b")
_MONTH_FIRST = re.compile(r"\b([a-z]{3})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b")


class Tag(msgspec.Struct):
    """A topic of a result, as far as it is counted."""

    topic: str
    decision: str
    label: str | None = None


class Part(msgspec.Struct):
    """A segment of a result, as far as it is counted."""

    role: str
    source: str | None = None
    published: str | None = None
    duplicate_of: str | int | None = None


class Row(msgspec.Struct):
    """A result, as far as it is counted; `columns` are those of the input that were asked for or are known by name."""

    document_id: str | None = None
    model_version: str | None = None
    topics: list[Tag] | None = None
    reason: str | None = None
    segments: list[Part] | None = None
    duplicate_of: str | int | None = None
    error: dict[str, Any] | None = None
    columns: dict[str, Any] = {}


@dataclass(slots=True)
class Summary:
    """The counts. `days` and `sources` map to counts by topic, with all documents under ""."""

    documents: int = 0
    unusable: int = 0
    repeats: int = 0
    undated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    labels: dict[str, str] = field(default_factory=dict)
    assigned: Counter[str] = field(default_factory=Counter)
    review: Counter[str] = field(default_factory=Counter)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, row: Row, day: str | None = None, source: str | None = None, unique: bool = False) -> None:
        """Count a result. `day` and `source` name the input's columns to take them from; `unique` leaves repeats out."""
        if row.error is not None:
            self.unusable += 1
            return
        main = next((part for part in row.segments or () if part.role == "main"), None)
        if row.duplicate_of is not None or (main is not None and main.duplicate_of is not None):
            self.repeats += 1
            if unique:
                return
        self.documents += 1
        self.versions[row.model_version or UNKNOWN] += 1
        for tag in row.topics or ():
            self.labels.setdefault(tag.topic, tag.label or tag.topic)
        topics = sorted({tag.topic for tag in row.topics or () if tag.decision == "assigned"})
        self.assigned.update(topics)
        self.review.update(tag.topic for tag in row.topics or () if tag.decision == "review")
        if row.reason is not None:
            self.reasons[row.reason] += 1
        for number, first in enumerate(topics):
            for second in topics[number + 1 :]:
                self.pairs[_bounded(self.pairs, (first, second), (OTHER, OTHER))] += 1
        if (found := _day(row, main, day)) is None:
            self.undated += 1
        else:
            self.days.setdefault(found, Counter()).update(["", *topics])
        name = _bounded(self.sources, _source(row, main, source), OTHER)
        self.sources.setdefault(name, Counter()).update(["", *topics])

    def ranked(self) -> list[str]:
        """The topics, the most frequent first."""
        return sorted(self.labels, key=lambda topic: (-self.assigned[topic], topic))

    def top_sources(self, most: int) -> list[tuple[str, Counter[str]]]:
        """The sources with the most documents that have a topic."""
        return sorted(self.sources.items(), key=lambda each: (-_tagged(each[1]), -each[1][""], each[0]))[:most]

    def periods(self, most: int) -> tuple[str, list[tuple[str, Counter[str]]]]:
        """The days brought together to weeks, months or years so that there are at most so many (of years, any number).

        The unit, and every period from the first to the last by its first day, also one without a document.
        """
        if not self.days:
            return "day", []
        span = range(date.fromisoformat(min(self.days)).toordinal(), date.fromisoformat(max(self.days)).toordinal() + 1)
        for unit, first_of in _UNITS:
            starts = dict.fromkeys(first_of(date.fromordinal(day)) for day in span)
            if len(starts) <= most or unit == "year":
                break
        periods = {start: Counter[str]() for start in starts}
        for day, counts in self.days.items():
            periods[first_of(date.fromisoformat(day))].update(counts)
        return unit, list(periods.items())

    def as_dict(self) -> Json:
        """All counts, for programs."""
        return {
            "documents": self.documents,
            "unusable": self.unusable,
            "repeats": self.repeats,
            "undated": self.undated,
            "without_topic": dict(sorted(self.reasons.items())),
            "model_versions": dict(sorted(self.versions.items())),
            "topics": {
                topic: {"label": self.labels[topic], "assigned": self.assigned[topic], "review": self.review[topic]}
                for topic in self.ranked()
            },
            "days": {day: _counts(self.days[day]) for day in sorted(self.days)},
            "sources": {source: _counts(counts) for source, counts in self.top_sources(len(self.sources))},
            "together": [
                {"topics": list(pair), "documents": n}
                for pair, n in sorted(self.pairs.items(), key=lambda each: (-each[1], each))
            ],
        }


def summarize(rows: Iterable[Row], day: str | None = None, source: str | None = None, unique: bool = False) -> Summary:
    """The counts of results."""
    summary = Summary()
    for row in rows:
        summary.add(row, day, source, unique)
    return summary


def day_of(value: object) -> str | None:
    """The day that a date or a text with a date names, as YYYY-MM-DD; None for "2 days ago", 03/04/2025 and no date at all."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return None
    text = value[:200].lower()
    if match := _ISO.search(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.search(text):
        day, month, year = match.groups()
    elif match := _MONTH_FIRST.search(text):
        month, day, year = match.groups()
    else:
        return None
    number = int(month) if month.isdigit() else _MONTHS.get(month, 0)
    try:
        return date(int(year), number, int(day)).isoformat()
    except ValueError:
        return None


def _day(row: Row, main: Part | None, column: str | None) -> str | None:
    if column is not None:
        return day_of(row.columns.get(column))
    given = [row.columns.get(name) for name in DAY_COLUMNS] + [main.published if main else None]
    return next((day for value in given if (day := day_of(value)) is not None), None)


def _source(row: Row, main: Part | None, column: str | None) -> str:
    names: Sequence[str] = SOURCE_COLUMNS if column is None else (column,)
    for value in (*(row.columns.get(name) for name in names), main.source if main and column is None else None):
        if isinstance(value, str) and value.strip():
            return _host(value) or " ".join(value.split())[:200]
    if column is None:
        for name in URL_COLUMNS:
            if host := _host(row.document_id if name == "document_id" else row.columns.get(name)):
                return host
    return UNKNOWN


def _host(value: object) -> str | None:
    """The host of an address of the web, without `www.`."""
    if not isinstance(value, str) or "://" not in value[:12]:
        return None
    try:
        host = urlsplit(value).hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def _bounded(known: Any, key: Any, other: Any) -> Any:
    return key if key in known or len(known) < MAX_KEYS else other


def _tagged(counts: Counter[str]) -> int:
    return sum(n for topic, n in counts.items() if topic)


def _counts(counts: Counter[str]) -> Json:
    return {"documents": counts[""], "topics": {topic: n for topic, n in sorted(counts.items()) if topic}}


_UNITS = (
    ("day", lambda day: day.isoformat()),
    ("week", lambda day: date.fromordinal(max(1, day.toordinal() - day.weekday())).isoformat()),
    ("month", lambda day: day.replace(day=1).isoformat()),
    ("year", lambda day: day.replace(month=1, day=1).isoformat()),
)
