"""What kind of line a line is: furniture, a date, a byline, a headline, prose.

Wording rules are data (`furniture_rules/`, with examples); the rest is told by shape, so that it holds on sites never seen.
"""

import re
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from models import kernels, rules
from models.rules import MAX_DATE, SHORT
from models.sight import ASKED, DATED, ENDS, FOREIGN, SHAPED, columns


class Kind(StrEnum):
    """What a line is."""

    WIDGET = "widget"
    SECTION = "section"
    PROMO = "promo"
    LINK = "link"
    LEGAL = "legal"
    MENU = "menu"
    DATE = "date"
    CREDIT = "credit"  # a source and its age on one line
    BYLINE = "byline"
    CAPTION = "caption"  # what stands under a picture or a film: part of the article, never its headline
    LABEL = "label"  # one to three words with nothing to say by themselves
    HEADLINE = "headline"
    PROSE = "prose"


FURNITURE = frozenset({Kind.WIDGET, Kind.SECTION, Kind.PROMO, Kind.LINK, Kind.LEGAL, Kind.MENU})
MARGINALIA = frozenset({Kind.DATE, Kind.CREDIT, Kind.BYLINE})
MARGINS = FURNITURE | MARGINALIA
MAX_FURNITURE = 260  # characters; longer lines are never furniture, and patterns never run on long text
MAX_HEADLINE_WORDS = 28
MAX_LABEL_WORDS = 3
MAX_SOURCE_WORDS = 6
END = 16  # characters in which a line's last sentence ends

_MENU_MARK = re.compile(r"[|·•»›>/\t]")
_WIDE_SPACE = re.compile(r"\s{3}")
_MENU_SPLIT = re.compile(r"\s+[|·•»›>/]\s+|\t+|\s{3,}|\s*\|\s*")
_CREDIT_MARK = re.compile(r"[|·•,–—]|\s-\s")
_CREDIT_SPLIT = re.compile(r"\s+[|·•–—-]\s+|\s*[|·•]\s*")
_COMMA = re.compile(r",\s+")
_SENTENCE_END = re.compile(r"""[.!?…。！？]['"’”»)\]]*(?: [^\w\s]*\d*[^\w\s]*)?$""")  # an end mark ("-30-") may follow


def kind_of(line: str, held: int = FOREIGN) -> Kind:
    """The kind of a line that is not blank. `held` is what it may hold (`models.sight`)."""
    line = line.strip()
    if len(line) > MAX_FURNITURE:
        return Kind.PROSE
    if len(line) <= SHORT:
        return _short_kind(line)
    if len(line) > MAX_DATE:
        held &= ~DATED
    if held & ASKED and (kind := _worded_kind(line, held)):
        return kind
    if held & (SHAPED | FOREIGN):
        return _shaped_kind(line)
    n_words = line.count(" ") + 1
    return Kind.PROSE if n_words > MAX_HEADLINE_WORDS or (held & ENDS and n_words > MAX_LABEL_WORDS) else Kind.HEADLINE


@lru_cache(maxsize=4096)  # furniture repeats all over a site
def _short_kind(line: str) -> Kind:
    return _worded_kind(line, FOREIGN) or _shaped_kind(line)


def _worded_kind(line: str, held: int) -> Kind | None:
    """The kind that a line's wording gives away."""
    if kind := rules.kind_of(line, held):
        return Kind(kind)
    return Kind.CREDIT if held & (DATED | FOREIGN) and split_credit(line) else None


@cache
def reader() -> Any:
    """What finds lines and tells what they may hold, in the kernel that runs here."""
    return kernels.of("Lines")(*columns(*rules.signs()), SHORT + 1, MAX_FURNITURE)


def _shaped_kind(line: str) -> Kind:
    """The kind that a line's shape suggests."""
    if _is_menu(line):
        return Kind.MENU
    n_words = line.count(" ") + 1
    if n_words > MAX_LABEL_WORDS and ends_sentence(line):
        return Kind.PROSE
    if not any(char.isalnum() for char in line):
        return Kind.WIDGET
    if n_words <= MAX_LABEL_WORDS and len(line) <= SHORT:
        return Kind.LABEL
    return Kind.HEADLINE if n_words <= MAX_HEADLINE_WORDS else Kind.PROSE


def is_date(line: str) -> bool:
    """Whether a line says nothing but when, in one of the languages that there are rules of."""
    return rules.is_date(line)


def split_credit(line: str) -> tuple[str, str] | None:
    """Source and age of a line that holds both ("Reuters · 3 hours ago"), else None."""
    if len(line) > MAX_DATE or not _CREDIT_MARK.search(line):
        return None
    for separator in (_CREDIT_SPLIT, _COMMA):
        found = list(separator.finditer(line))
        for match in {id(each): each for each in (found[:1] + found[-1:])}.values():  # a source or a date may hold one itself
            parts = [part.strip(" -–—•·|") for part in (line[: match.start()], line[match.end() :])]
            for source, age in (parts, parts[::-1]):
                is_source = source and len(source.split()) <= MAX_SOURCE_WORDS and not ends_sentence(source)
                if is_source and age and is_date(age) and not is_date(source):
                    return source, age
    return None


def _is_menu(line: str) -> bool:
    """Several short items in a row, parted by bars, dots or wide space."""
    has_mark = _MENU_MARK.search(line) or (("  " in line or not line.isascii()) and _WIDE_SPACE.search(line))
    if not has_mark:
        return False
    items = [item for item in _MENU_SPLIT.split(line) if item]
    return len(items) >= 3 and all(len(item.split()) <= 4 for item in items)


def ends_sentence(line: str) -> bool:
    """Whether a line closes with the end of a sentence."""
    return _SENTENCE_END.search(line.rstrip()[-END:]) is not None
