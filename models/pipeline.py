"""One document in, its result out: cut, score, decide, explain. What the service, the commands and bulk tagging all call."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from models.decisions import Decision, Reason, decide
from models.errors import InputError
from models.html_stories import read_stories
from models.release import Release
from models.scorer import Scored
from models.segmenter import Role, Segment
from models.text import HEADLINE_WEIGHT

MAX_EVIDENCE = 20  # occurrences listed a topic; the rest is summed in `omitted`

Json = dict[str, Any]  # the contract's wire form


class Form(StrEnum):
    """What a document's text is."""

    TEXT = "text"
    PAGE = "page"
    HTML = "html"


_NONE, _TEXT = Decision.NONE, Form.TEXT  # an enum's members cost a look-up each time


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it was handed in."""

    content: str
    form: Form = Form.TEXT
    headline: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How results are shown: with evidence, at most `limit` topics a text, these topics in any case."""

    explain: bool = False
    limit: int | None = None
    topics: frozenset[str] = frozenset()


class _Part(NamedTuple):
    """A stretch of what is scored: where it stands in the submitted string, and in which field."""

    field: str
    start: int
    text: str


@dataclass(slots=True)
class Reading:
    """What was made of one text on the way to its result. `role` is that of its segment; None for a text sent as it stands.

    `text` is what the model read; `decisions` has one a topic, whatever of them is shown.
    """

    role: Role | None
    text: str
    scored: Scored
    decisions: tuple[Decision, ...]
    reason: Reason | None


class Result(dict[str, Any]):
    """The contract's result for one document: the wire form itself, and beside it, on no wire, how it was come by."""

    __slots__ = ("form", "readings", "release")

    def __init__(self, wire: Json, form: Form, readings: Sequence[Reading], release: Release):
        super().__init__(wire)
        self.form = form
        self.readings = readings
        self.release = release

    @property
    def own(self) -> Reading | None:
        """The reading that speaks for the document: its text's, or its main segment's if it has one."""
        if self.form is Form.TEXT:
            return self.readings[0]
        return next((reading for reading in self.readings if reading.role is Role.MAIN), None)


def classify(release: Release, document: Document, options: Options = Options()) -> Result:
    """The contract's result for one document.

    Raises `InputError` for a document or option that cannot be used.
    """
    check(document)
    check_options(release, options)
    head: Json = {"document_id": document.document_id, "model_version": release.version}
    if document.form is _TEXT:
        parts = _text_parts(document) if options.explain else ()
        tags, reading = _tag(release, _as_read(document), parts, options)
        return Result({**head, **tags, "segments": [], "warnings": []}, _TEXT, (reading,), release)
    if document.form is Form.PAGE:
        segments = release.segmenter.segment(document.content)
        wire, readings = _classify_page(release, document.content, segments, options)
        return Result({**head, **wire}, Form.PAGE, readings, release)
    page = read_stories(document.content)
    wire, readings = _classify_page(release, page.text, release.segmenter.segment_html(page), options)
    return Result({**head, **wire, "page": page.text}, Form.HTML, readings, release)


def tag_text(release: Release, document: Document) -> Json:
    """The wire form that `classify` gives of a text without options, sooner: nothing is kept of how it was come by.

    Raises `InputError` for a document that cannot be used.
    """
    check(document)
    scored = release.scorer.score(_as_read(document))
    decisions, reason = decide(scored, release.cuts)
    shown = _best_first([index for index, decision in enumerate(decisions) if decision is not _NONE], scored)
    return {
        "document_id": document.document_id,
        "model_version": release.version,
        "topics": [_entry(release, scored, decisions, index) for index in shown],
        "none": reason is not None,
        "reason": None if reason is None else reason.value,
        "segments": [],
        "warnings": [],
    }


def check(document: Document) -> None:
    """Raise `InputError` for a document that says nothing or cannot be text."""
    if not document.content or document.content.isspace():
        raise InputError("the text is empty or blank; send the words to classify", f"/{document.form.value}")
    if "\x00" in document.content or (document.headline and "\x00" in document.headline):
        for name, text in ((f"/{document.form.value}", document.content), ("/headline", document.headline or "")):
            if (at := text.find("\x00")) >= 0:
                raise InputError(f"a NUL character stands at offset {at}; remove it, or decode the file it came from", name)


def check_options(release: Release, options: Options) -> None:
    """Raise `InputError` for options that this model cannot serve."""
    if options.topics and (unknown := options.topics - (known := {topic.id for topic in release.topics})):
        raise InputError(f"unknown topic {min(unknown)!r}; this model has {', '.join(sorted(known))}", "/topics")
    if options.limit is not None and options.limit < 1:
        raise InputError("'limit' must be 1 or more", "/limit")


def _classify_page(release: Release, page: str, segments: Sequence[Segment], options: Options) -> tuple[Json, list[Reading]]:
    """Topics of the main segment at the top, those of the others beside them, and every segment with its own."""
    tagged, readings = [], []
    for found in segments:
        parts = _parts(found, page)
        tags, reading = _tag(release, "\n".join([part.text for part in parts]), parts, options, found.role)
        tagged.append((found, tags))
        readings.append(reading)
    main = next((tags for found, tags in tagged if found.role is Role.MAIN), None)
    warnings = [] if main is not None else ["no_main_segment"]
    wire = {
        **(main if main is not None else {"topics": [], "none": True, "reason": Reason.TOO_SHORT.value}),
        "related_topics": _union(
            [tags for found, tags in tagged if found.role is not Role.MAIN and found.duplicate_of is None]
        ),
        "segments": [_segment_json(found, page, tags) for found, tags in tagged],
        "warnings": warnings,
    }
    return wire, readings


def _as_read(document: Document) -> str:
    """The text that the model reads: its headline first, as often as the model reads it."""
    headline = document.headline
    return document.content if not headline or headline.isspace() else f"{headline}\n" * HEADLINE_WEIGHT + document.content


def _text_parts(document: Document) -> list[_Part]:
    """The stretches of a text as it is read."""
    heads = [_Part("headline", 0, document.headline)] if document.headline and not document.headline.isspace() else []
    return [*heads * HEADLINE_WEIGHT, _Part("text", 0, document.content)]


def _parts(found: Segment, page: str) -> list[_Part]:
    """The stretches of a segment, its headline as often as the model reads it."""
    parts = [_Part("page", start, page[start:end]) for start, end in found.spans]
    return [*parts[:1] * HEADLINE_WEIGHT, *parts[1:]] if found.headline else parts


def _segment_json(found: Segment, page: str, tags: Json) -> Json:
    return {
        "role": found.role.value,
        "spans": [list(span) for span in found.spans],
        "headline": found.headline,
        "source": found.source,
        "published": found.published,
        "text": found.text(page),
        "duplicate_of": found.duplicate_of,
        **tags,
    }


def _union(tagged: Sequence[Json]) -> list[Json]:
    """Every topic of several texts once, with its best score, best first; evidence stays with the segments."""
    best: dict[str, Json] = {}
    for topic in (topic for tags in tagged for topic in tags["topics"]):
        if topic["topic"] not in best or topic["score"] > best[topic["topic"]]["score"]:
            best[topic["topic"]] = {key: value for key, value in topic.items() if key not in _EXPLANATION}
    return sorted(best.values(), key=lambda topic: (-topic["score"], topic["topic"]))


_EXPLANATION = frozenset({"evidence", "bias", "margin", "omitted"})


def _tag(
    release: Release, text: str, parts: Sequence[_Part], options: Options, role: Role | None = None
) -> tuple[Json, Reading]:
    """The topics of one text, `none` and `reason`, and how they were come by. `parts` are needed for explaining alone."""
    scored = release.scorer.score(text)
    decisions, reason = decide(scored, release.cuts)
    shown = [index for index, decision in enumerate(decisions) if decision is not _NONE]
    if options.topics:
        shown = [index for index, topic in enumerate(release.topics) if index in shown or topic.id in options.topics]
    topics = []
    for index in _best_first(shown, scored)[: options.limit]:
        entry = _entry(release, scored, decisions, index)
        topics.append({**entry, **_explain(release, parts, text, scored, index)} if options.explain else entry)
    tags: Json = {"topics": topics, "none": reason is not None, "reason": reason.value if reason else None}
    return tags, Reading(role, text, scored, decisions, reason)


def _best_first(shown: list[int], scored: Scored) -> list[int]:
    return sorted(shown, key=lambda index: (-scored.scores[index], index)) if len(shown) > 1 else shown


def _entry(release: Release, scored: Scored, decisions: Sequence[Decision], index: int) -> Json:
    topic = release.topics[index]
    return {
        "topic": topic.id,
        "label": topic.label,
        "uri": topic.uri,
        "score": scored.scores[index],
        "threshold": release.cuts[index].threshold,
        "decision": decisions[index].value,
    }


def _explain(release: Release, parts: Sequence[_Part], text: str, scored: Scored, index: int) -> Json:
    """The strongest occurrences of features, and the arithmetic: bias + evidence + omitted = margin."""
    offsets = [0]
    for part in parts:
        offsets.append(offsets[-1] + len(part.text) + 1)
    places: dict[tuple[str, int, int], Json] = {}  # one entry a place: the headline is read more than once
    for found in release.scorer.contributions(text, index):
        at = bisect_right(offsets, found.start) - 1
        part = parts[at]
        start = found.start - offsets[at]
        end = min(found.end - offsets[at], len(part.text))  # a pair across a line break is shown by its first word
        place = (part.field, part.start + start, part.start + end)
        entry = {"field": place[0], "start": place[1], "end": place[2], "text": part.text[start:end], "contribution": 0.0}
        places.setdefault(place, entry)["contribution"] += found.contribution
    strongest = sorted(places.values(), key=lambda entry: (-abs(entry["contribution"]), entry["start"]))
    return {
        "evidence": strongest[:MAX_EVIDENCE],
        "bias": float(release.scorer.weights.bias[index]),
        "omitted": sum(entry["contribution"] for entry in strongest[MAX_EVIDENCE:]),
        "margin": scored.margins[index],
    }
