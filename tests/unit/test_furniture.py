"""Lines that stand around articles are told from lines of articles."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from models.furniture import FURNITURE, MARGINALIA, Kind, is_date, kind_of, split_credit
from models.rules import FOLDER

FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
HEADLINES = json.loads((Path(__file__).resolve().parents[1] / "data" / "headlines.json").read_text(encoding="utf-8"))
EXAMPLES = [(rule, example) for file in FILES.values() for rule in file["rule"] for example in rule["examples"]]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_rules_match_their_examples(rule: dict[str, str], example: str) -> None:
    """A rule matches its own examples, and they are furniture or captions whichever rule comes first."""
    assert re.fullmatch(rule["pattern"], example.lower().strip(" .:»›→>►▶«‹←…"))
    assert kind_of(example) in FURNITURE | {Kind.CAPTION}


@pytest.mark.parametrize("example", [e for file in FILES.values() for e in file["dates"]["examples"]])
def test_ages_and_dates_in_any_form(example: str) -> None:
    """When a story was published is no part of it."""
    assert is_date(example)


@pytest.mark.parametrize("example", [e for file in FILES.values() for e in file["bylines"]["examples"]])
def test_bylines(example: str) -> None:
    """Nor is who wrote it; an agency's credit may pass for a caption's."""
    assert kind_of(example) in MARGINALIA | {Kind.CAPTION}


@pytest.mark.parametrize("headline", [h for some in HEADLINES.values() for h in some])
def test_headlines_of_five_languages_are_not_taken_for_furniture(headline: str) -> None:
    """A rule that eats news is worse than one that misses a button."""
    assert kind_of(headline) not in FURNITURE | MARGINALIA


@pytest.mark.parametrize("line", ["May", "Second half", "100 days of war", "Three dead on Monday", "2 dead, 5 hurt", "I am 12"])
def test_words_that_dates_are_made_of_are_not_yet_dates(line: str) -> None:
    """A short headline with a number in it is not an age."""
    assert not is_date(line)


def test_a_credit_line_is_split() -> None:
    """Source and age on one line are told apart, in either order."""
    assert split_credit("Coast Courier · 3 hours ago") == ("Coast Courier", "3 hours ago")
    assert split_credit("2h | Daily Ledger") == ("Daily Ledger", "2h")
    assert split_credit("Mayor resigns - deputy takes over") is None
