"""The wording of page furniture, read from `furniture_rules/`: one file a language."""

import re
import tomllib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.sight import BYLINE, DATED, FOREIGN, NEEDS, OPENS
from models.text import words

FOLDER = Path(__file__).with_name("furniture_rules")
SHORT = 40  # characters; shorter lines may be furniture of any language
MAX_DATE = 90  # characters of a date
MAX_AGE = 30  # characters of an age in words ("a week ago")
MAX_BYLINE_WORDS = 12

_DIGIT = re.compile(r"\d")
_TRIM = " \t.…:»›→>►▶«‹←"
_GROUP = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\]?)|\((?!\?)")  # an escape or a set, which stays; or where a group begins
_DATE_PARTS = re.compile(r"[^\W_]+(?:[.'’][^\W_]+)*\.?").finditer


@dataclass(frozen=True, slots=True)
class Wording:
    """The rules of some languages, joined so that a line is tried against all of them at once."""

    plain: re.Pattern[str]  # a named group a rule, by its kind
    wild: re.Pattern[str]  # rules that begin with anything: slow, and tried only on lines that are surely of the language
    needing: tuple[tuple[str, re.Pattern[str], frozenset[str]], ...]  # tried on lines that hold one of their words
    date_words: re.Pattern[str]
    date_evidence: re.Pattern[str]
    bylines: re.Pattern[str]
    letters: re.Pattern[str]  # a line with one of these letters or words is surely of the language
    words: frozenset[str]
    is_latin: bool  # whether shorter lines may be of the language without them

    def kind_of(self, line: str, bare: str, found: Set[str], held: int) -> str | None:
        """The kind of furniture, `date` or `byline` that a line's wording gives away.

        `bare` is the line in lower case without what trails it, `found` are its words, `held` is what it may hold.
        """
        is_sure = self.is_sure(bare, found)
        if not is_sure and not (self.is_latin and len(line) <= SHORT):
            return None
        tries_openings = held & (OPENS | FOREIGN)
        if tries_openings and (match := self.plain.fullmatch(bare) or (self.wild.fullmatch(bare) if is_sure else None)):
            return str(match.lastgroup).partition("_")[0]
        for kind, pattern, needed in self.needing:
            if not needed.isdisjoint(found) and pattern.fullmatch(bare):
                return kind
        if held & (DATED | FOREIGN) and self.is_date(line):
            return "date"
        may_be_byline = held & (BYLINE | FOREIGN) and line.count(" ") < MAX_BYLINE_WORDS
        return "byline" if may_be_byline and self.bylines.fullmatch(line) else None

    def is_date(self, line: str) -> bool:
        """Whether a line says nothing but when: a date, a time, an age, a reading time."""
        if len(line) > MAX_DATE or (len(line) > MAX_AGE and not _DIGIT.search(line)):
            return False
        # most lines are none by their first or second word, which is sooner told than that evidence lacks
        for match in _DATE_PARTS(line):
            if not all(map(self.date_words.fullmatch, match[0].replace(".", " ").split())):
                return False
        return self.date_evidence.search(line) is not None

    def is_sure(self, lowered: str, found: Set[str]) -> bool:
        """Whether a line in lower case holds one of the letters or words of these languages."""
        if not self.letters.pattern:  # English
            return True
        return not self.words.isdisjoint(found) or (not lowered.isascii() and self.letters.search(lowered) is not None)


def kind_of(line: str, held: int = FOREIGN) -> str | None:
    """The kind of furniture, `date` or `byline` that a line's wording gives away, in any language that there are rules of.

    `held` is what the line may hold (`models.sight`).
    """
    lowered = line.lower()
    bare, found = lowered.strip(_TRIM), frozenset[str]()
    if held & (NEEDS | FOREIGN):
        found = frozenset((*words(lowered), *("©" if "©" in line else "")))
    for wording in wordings() if held & FOREIGN else wordings()[:1]:
        if kind := wording.kind_of(line, bare, found, held):
            return kind
    return None


def is_date(line: str) -> bool:
    """Whether a line says nothing but when, in any language that there are rules of."""
    return any(wording.is_date(line) for wording in wordings())


@cache
def signs() -> tuple[dict[str, int], dict[str, int]]:
    """What a line may hold that begins with a word, and what one may that holds it, by word."""
    first: dict[str, int] = {}
    anywhere: dict[str, int] = {}

    def add(signs: dict[str, int], held: int, listed: str) -> None:
        for word in listed.split():
            if word.isascii():  # others are foreign by their letters
                signs[word] = signs.get(word, 0) | held

    for file in _files().values():
        add(anywhere, FOREIGN, file.get("words", ""))
        add(anywhere, DATED, file["dates"].get("needs", ""))
    for table in (english := _files()["en"])["rule"]:
        add(first, OPENS, table.get("openings", ""))
        add(anywhere, NEEDS, table.get("needs", ""))
    add(first, BYLINE, english["bylines"]["openings"])
    add(anywhere, BYLINE, english["bylines"]["needs"])
    return first, anywhere


@cache
def wordings() -> tuple[Wording, ...]:
    """English, the other languages in its letters, and those in letters of their own."""
    others = [file for language, file in _files().items() if language != "en"]
    return (
        _wording([_files()["en"]]),
        _wording([file for file in others if file["words"]]),
        _wording([file for file in others if not file["words"]]),
    )


@cache
def _files() -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


def _wording(files: Sequence[dict[str, Any]]) -> Wording:
    rules = [rule for file in files for rule in file["rule"]]
    is_english = "letters" not in files[0]
    # a group that closes a rule names it: one around it would keep `re` from passing over a rule by its first letter
    named = [
        (f"(?:{_without_groups(rule['pattern'])})(?P<{rule['kind']}_{n}>)", _is_wild(rule["pattern"]) and not is_english)
        for n, rule in enumerate(rules)
        if "needs" not in rule
    ]
    needing = tuple(
        (rule["kind"], re.compile(rule["pattern"]), frozenset(rule["needs"].split())) for rule in rules if "needs" in rule
    )
    letters = [file["letters"] for file in files if "letters" in file]
    return Wording(
        plain=re.compile("|".join(pattern for pattern, is_wild in named if not is_wild)),
        wild=re.compile("|".join(pattern for pattern, is_wild in named if is_wild) or "(?!)"),
        needing=needing,
        date_words=re.compile(rf"(?:{_joined(files, 'dates', 'words')})\.?", re.IGNORECASE),
        date_evidence=re.compile(_joined(files, "dates", "evidence"), re.IGNORECASE),
        bylines=re.compile(_joined(files, "bylines", "patterns")),
        letters=re.compile("[" + "".join(each.strip("[]") for each in letters) + "]" if letters else ""),
        words=frozenset(word for file in files for word in file.get("words", "").split()),
        is_latin=is_english or any(file["words"] for file in files),
    )


def _without_groups(pattern: str) -> str:
    """A pattern whose groups are not kept: no one asks for them, and keeping them takes time."""
    return _GROUP.sub(lambda match: match[1] or "(?:", pattern)


def _is_wild(pattern: str) -> bool:
    """Whether a pattern, or its first alternative, begins with anything."""
    return pattern.startswith((".{", "[^", "(?:[^"))


def _joined(files: Sequence[dict[str, Any]], table: str, field: str) -> str:
    return "|".join(f"(?:{pattern})" for file in files for pattern in file[table][field])
