"""The wording of page furniture, read from `furniture_rules/`: one file a language, English first."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("furniture_rules")
SHORT = 40  # characters; shorter lines may be furniture of any language
MAX_DATE = 90  # characters of a date
MAX_AGE = 30  # characters of an age in words ("a week ago")
MAX_BYLINE_WORDS = 12

_DIGIT = re.compile(r"\d")
_OTHER_LETTERS = re.compile(r"[^\x00-\x7f\u2010-\u206f]")  # than English ones and typographic marks
_TRIM = " \t.…:»›→>►▶«‹←"
_WORDS = re.compile(r"\w+|©").findall
_DATE_PARTS = re.compile(r"[^\W_]+(?:[.'’][^\W_]+)*\.?").findall


@dataclass(frozen=True, slots=True)
class Language:
    """The rules of one file.

    `plain`: one pattern a kind, tried on every line; `needing`: patterns that are tried on lines with one of their words.
    """

    letters: re.Pattern[str] | None  # longer lines that hold none of these letters and words are not tried
    words: frozenset[str]
    plain: tuple[tuple[str, re.Pattern[str]], ...]
    needing: tuple[tuple[str, re.Pattern[str], frozenset[str]], ...]
    needed: frozenset[str]
    date_words: re.Pattern[str]
    date_evidence: re.Pattern[str]
    bylines: re.Pattern[str]

    def kind_of(self, line: str) -> str | None:
        """The kind of furniture, `date` or `byline` that a line's wording gives away."""
        bare = line.strip(_TRIM)
        for kind, pattern in self.plain:
            if pattern.fullmatch(bare):
                return kind
        if self.needing:
            words = _WORDS(line.lower())
            if not self.needed.isdisjoint(words):
                for kind, pattern, needed in self.needing:
                    if not needed.isdisjoint(words) and pattern.fullmatch(bare):
                        return kind
        if self.is_date(line):
            return "date"
        return "byline" if line.count(" ") < MAX_BYLINE_WORDS and self.bylines.fullmatch(line) else None

    def is_date(self, line: str) -> bool:
        """Whether a line says nothing but when: a date, a time, an age, a reading time."""
        if len(line) > MAX_DATE or (len(line) > MAX_AGE and not _DIGIT.search(line)) or not self.date_evidence.search(line):
            return False
        return all(self.date_words.fullmatch(part) for word in _DATE_PARTS(line) for part in word.replace(".", " ").split())


def languages_of(line: str) -> Sequence[Language]:
    """The languages whose furniture a line may be."""
    if len(line) <= SHORT:
        return languages()
    words = line.lower().split()
    is_plain = line.isascii() or not _OTHER_LETTERS.search(line)
    return [
        language
        for language in languages()
        if language.letters is None
        or not language.words.isdisjoint(words)
        or not (is_plain or language.letters.search(line) is None)
    ]


@cache
def languages() -> tuple[Language, ...]:
    """All languages that there are rules of, English first."""
    paths = sorted(FOLDER.glob("*.toml"), key=lambda path: (path.stem != "en", path.stem))
    return tuple(_language(tomllib.loads(path.read_text(encoding="utf-8"))) for path in paths)


def _language(stored: dict[str, Any]) -> Language:
    joined: dict[str, list[str]] = {}
    needing = []
    for rule in stored["rule"]:
        if "needs" in rule:
            needing.append((rule["kind"], _any_case([rule["pattern"]]), frozenset(rule["needs"].split())))
        else:
            joined.setdefault(rule["kind"], []).append(rule["pattern"])
    return Language(
        letters=_any_case([stored["letters"]]) if "letters" in stored else None,
        words=frozenset(stored.get("words", "").split()),
        plain=tuple((kind, _any_case(patterns)) for kind, patterns in joined.items()),
        needing=tuple(needing),
        needed=frozenset().union(*(words for _, _, words in needing)),
        date_words=re.compile(rf"(?:{'|'.join(stored['dates']['words'])})\.?", re.IGNORECASE),
        date_evidence=_any_case(stored["dates"]["evidence"]),
        bylines=re.compile("|".join(stored["bylines"]["patterns"])),
    )


def _any_case(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
