"""What a correction is: what somebody says a segment's topics should be.

This module is light: it knows nothing of databases. `models.store` keeps corrections.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from models.errors import InputError

MAX_TEXT = 100_000  # characters of a segment: twice the longest story we know; a whole site pasted in is a mistake
MAX_LINE = 2_000  # of a headline or a note
MAX_NAME = 512  # of a document's id, as in POST /classify
MAX_SHOWN = 100
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A segment and the topics it should have. `shown` are those a model gave it, None where nobody says.

    `group` and `source` come with imported labels: a story's variants, and where its text is from.
    """

    text: str
    topics: tuple[str, ...]
    headline: str | None = None
    shown: tuple[str, ...] | None = None
    document_id: str | None = None
    model_version: str | None = None
    note: str | None = None
    group: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Correction):
    """A correction as the store keeps it. Of a segment's corrections the one with the highest id stands."""

    id: int
    segment_hash: str
    corrected_by: str | None
    recorded_at: datetime
    stands: bool


def as_segment(headline: str | None, text: str) -> tuple[str | None, str]:
    """Headline and text apart. A segment of a page begins with its headline: that is said once, as in labelled data."""
    headline, text = (headline or "").strip(), text.strip()
    if headline and text.startswith(headline):
        rest = text[len(headline) :]
        if not rest:
            return None, text
        if rest[0] in "\r\n":
            text = rest.strip()
    return headline or None, text


def segment_hash(headline: str | None, text: str) -> str:
    """What tells one segment from another: SHA-256 over headline and text in NFC, white space as single spaces.

    Copies that differ in line breaks and spacing only, or in whether the headline stands apart, are one segment; a changed word
    or letter case makes another.
    """
    whole = " ".join(part for part in as_segment(headline, text) if part)
    return hashlib.sha256(" ".join(unicodedata.normalize("NFC", whole).split()).encode()).hexdigest()


def check(correction: Correction, topics: Collection[str]) -> None:
    """Raise `InputError` for a correction that cannot be kept; `topics` are the known ones."""
    if not correction.text.strip():
        raise InputError("the text is empty or blank; send the words of the segment", "/text")
    limits = {"text": MAX_TEXT, "headline": MAX_LINE, "note": MAX_LINE}
    for name in ("text", "headline", "note", "document_id", "model_version", "group", "source"):
        value = getattr(correction, name) or ""
        if len(value) > (limit := limits.get(name, MAX_NAME)):
            raise InputError(f"{len(value):,} characters; {limit:,} are allowed, so send one segment", f"/{name}")
        if found := _UNSTORABLE.search(value):
            what = "a NUL character" if found[0] == "\x00" else "half a surrogate pair"
            raise InputError(f"{what} stands at offset {found.start()}; remove it", f"/{name}")
    if unknown := set(correction.topics) - set(topics):
        raise InputError(f"unknown topic {min(unknown)[:64]!r}; there are {', '.join(sorted(topics))}", "/topics")
    shown = correction.shown or ()
    if len(shown) > MAX_SHOWN or not all(_TOPIC.fullmatch(topic) for topic in shown):
        raise InputError(f"at most {MAX_SHOWN} topic ids, of lower-case letters, digits and underscores", "/shown")
