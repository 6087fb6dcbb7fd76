"""What kind of line a line is: furniture, a date, a byline, a headline, prose.

Wording rules are data (`furniture.toml`, with examples); the rest is told by shape, so that it holds on sites never seen.
"""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path

RULES_PATH = Path(__file__).with_name("furniture.toml")


class Kind(Enum):
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
MAX_FURNITURE = 260  # characters; longer lines are never furniture, and patterns never run on long text
MAX_DATE = 90  # characters of a date, and of a source with its age
MAX_HEADLINE_WORDS = 28
END = 16  # characters in which a line's last sentence ends
MAX_BYLINE_WORDS = 12
MAX_LABEL_WORDS = 3
MAX_LABEL = 40  # characters

_MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DAY = r"(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?"
_UNIT = r"s|m|h|d|w|y|sec(?:ond)?s?|min(?:ute)?s?|mins|hrs?|hours?|days?|wks?|weeks?|mos?|months?|yrs?|years?"
_ZONE = r"gmt|utc|[ecmp]s?d?t|cest|cet|bst|msk|ist|jst|kst|edt|est|pdt|pst|eat|wat|cat|local"
_FILLER = (
    r"published|updated|posted|modified|created|edited|revised|last|first|on|at|by|ago|the|of|and|date|time|from|today|"
    r"yesterday|just|now|an?|about|over|almost|read|am|pm|p|noon|midnight|hours|st|nd|rd|th|year|issue"
)
_NUMBER = r"\d{1,4}(?:st|nd|rd|th|h|m|d|w|y|am|pm|t|z|gmt|utc|min)?"
_DATE_WORD = re.compile(rf"(?:{_MONTH}|{_DAY}|{_UNIT}|{_ZONE}|{_FILLER}|{_NUMBER})\.?", re.IGNORECASE)
_DATE_EVIDENCE = re.compile(
    rf"\d{{1,2}}[:.]\d{{2}}|\b(?:19|20)\d{{2}}\b|\bago\b|\byesterday\b|\btoday\b|\bjust now\b|"
    rf"\b(?:{_MONTH})\b.{{0,4}}\d|\d.{{0,3}}\b(?:{_MONTH})\b|^\W*\d{{1,3}} ?(?:{_UNIT})\b|"
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\bmin(?:ute)?s? read\b",
    re.IGNORECASE,
)
_SPLIT_WORDS = re.compile(r"[^\W_]+(?:[.'’][^\W_]+)*\.?")
_BYLINE = re.compile(
    r"(?:(?:words|text|story|photos?|written|reported|reporting|edited|editing|posted|published|video) )?by:? [A-Z].{0,80}|"
    r"[A-Z][\w.'’-]+(?: [A-Z][\w.'’-]*){1,3},? (?:correspondent|reporter|staff writer|editor|columnist|contributor)|"
    r"(?:from )?our (?:own )?correspondents?(?: in .{1,30})?|"
    r"(?:staff|agency|agencies|web|news) (?:writer|reporter|desk|report)s?",
)
_BYLINE_ANY_CASE = re.compile(r"by [^.!?]{2,60}", re.IGNORECASE)
_DATE_HINT = re.compile(r"\d|ago\b|day\b|now\b", re.IGNORECASE)
_CREDIT_MARK = re.compile(r"[|·•,–—]|\s-\s")
_MENU_MARK = re.compile(r"[|·•»›>/\t]|\s{3}")
_MENU_SPLIT = re.compile(r"\s+[|·•»›>/]\s+|\t+|\s{3,}|\s*\|\s*")
_CREDIT_SPLIT = re.compile(r"\s+[|·•–—-]\s+|\s*[|·•]\s*|,\s+")
_SENTENCE_END = re.compile(r"""[.!?…。！？]['"’”»)\]]*(?: [^\w\s]*\d*[^\w\s]*)?$""")  # an end mark ("-30-") may follow
_WORDS = re.compile(r"\w+|©").findall
_TRIM = " \t.…:»›→>►▶«‹←"


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of a file, in its order: those that are tried on every line, and those that need words."""

    plain: tuple[tuple[Kind, re.Pattern[str]], ...]  # one pattern a kind
    needing: tuple[tuple[Kind, re.Pattern[str], frozenset[str]], ...]
    needed: frozenset[str]


@cache
def _rules() -> _Rules:
    joined: dict[str, list[str]] = {}
    needing = []
    for rule in tomllib.loads(RULES_PATH.read_text(encoding="utf-8"))["rule"]:
        if "needs" in rule:
            pattern = re.compile(rule["pattern"], re.IGNORECASE)
            needing.append((Kind(rule["kind"]), pattern, frozenset(rule["needs"].split())))
        else:
            joined.setdefault(rule["kind"], []).append(rule["pattern"])
    plain = (
        (Kind(kind), re.compile("|".join(f"(?:{p})" for p in patterns), re.IGNORECASE)) for kind, patterns in joined.items()
    )
    return _Rules(tuple(plain), tuple(needing), frozenset().union(*(words for _, _, words in needing)))


def kind_of(line: str) -> Kind:
    """The kind of a line that is not blank."""
    line = line.strip()
    if len(line) > MAX_FURNITURE:
        return Kind.PROSE
    return _short_kind(line) if len(line) <= MAX_LABEL else _worded_kind(line) or _shaped_kind(line)


@lru_cache(maxsize=4096)  # furniture repeats all over a site
def _short_kind(line: str) -> Kind:
    return _worded_kind(line) or _shaped_kind(line)


def _worded_kind(line: str) -> Kind | None:
    """The kind that a line's wording gives away."""
    bare = line.strip(_TRIM)
    rules = _rules()
    for kind, pattern in rules.plain:
        if pattern.fullmatch(bare):
            return kind
    words = _WORDS(line.lower())
    if not rules.needed.isdisjoint(words):
        for kind, pattern, needed in rules.needing:
            if not needed.isdisjoint(words) and pattern.fullmatch(bare):
                return kind
    if is_date(line):
        return Kind.DATE
    if split_credit(line):
        return Kind.CREDIT
    if len(words) > MAX_BYLINE_WORDS:
        return None
    is_byline = _BYLINE.fullmatch(line) or (line[:2] in ("By", "BY") and _BYLINE_ANY_CASE.fullmatch(line))
    return Kind.BYLINE if is_byline else None


def _shaped_kind(line: str) -> Kind:
    """The kind that a line's shape suggests."""
    if _is_menu(line):
        return Kind.MENU
    n_words = line.count(" ") + 1
    if n_words > MAX_LABEL_WORDS and ends_sentence(line):
        return Kind.PROSE
    if not any(char.isalnum() for char in line):
        return Kind.WIDGET
    if n_words <= MAX_LABEL_WORDS and len(line) <= MAX_LABEL:
        return Kind.LABEL
    return Kind.HEADLINE if n_words <= MAX_HEADLINE_WORDS else Kind.PROSE


def is_date(line: str) -> bool:
    """Whether a line says nothing but when: a date, a time, an age, a reading time."""
    if len(line) > MAX_DATE or not _DATE_HINT.search(line) or not _DATE_EVIDENCE.search(line):
        return False
    words = _SPLIT_WORDS.findall(line)
    return bool(words) and all(_DATE_WORD.fullmatch(part) for word in words for part in word.replace(".", " ").split())


def split_credit(line: str) -> tuple[str, str] | None:
    """Source and age of a line that holds both ("Reuters · 3 hours ago"), else None."""
    if len(line) > MAX_DATE or not _CREDIT_MARK.search(line):
        return None
    parts = [part.strip(" -–—•·|") for part in _CREDIT_SPLIT.split(line)]
    if len(parts) != 2 or not all(parts):
        return None
    for source, age in (parts, parts[::-1]):
        if is_date(age) and not is_date(source) and len(source.split()) <= 6 and not ends_sentence(source):
            return source, age
    return None


def _is_menu(line: str) -> bool:
    """Several short items in a row, parted by bars, dots or wide space."""
    if not _MENU_MARK.search(line):
        return False
    items = [item for item in _MENU_SPLIT.split(line) if item]
    return len(items) >= 3 and all(len(item.split()) <= 4 for item in items)


def ends_sentence(line: str) -> bool:
    """Whether a line closes with the end of a sentence."""
    return _SENTENCE_END.search(line.rstrip()[-END:]) is not None
