"""Pages are cut into the stories that stand on them."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.furniture import FURNITURE, RULES_PATH, Kind, is_date, kind_of, split_credit
from models.registry import load_model
from models.segmenter import Role, Segment

segment = load_model(None).segmenter.segment
PAGES = Path(__file__).resolve().parents[1] / "data" / "pages"
RULES = tomllib.loads(RULES_PATH.read_text(encoding="utf-8"))["rule"]

# Pieces that pages are made of, in any order and with any characters between them.
PIECES = st.one_of(
    st.text(alphabet=st.characters(), max_size=80),
    st.sampled_from(
        [
            *(
                "\n",
                "\r\n",
                "\u2028",
                "\n\n\n",
                " ",
                "Comments",
                "Related Articles",
                "2 hours ago",
                "- Daily Ledger",
                "Daily Ledger",
            ),
            "Ferry line adds a night crossing",
            "The ferry company said on Sunday that it would run a night crossing to the islands from May.",
            "Sign in | Subscribe | Search",
        ]
    ),
)
ANY_PAGE = st.lists(PIECES, max_size=30).map("".join)


def _cut(name: str) -> tuple[str, list[Segment]]:
    page = (PAGES / f"{name}.txt").read_text(encoding="utf-8")
    return page, segment(page)


def _shape(page: str, segments: list[Segment]) -> list[tuple[str, str, str]]:
    return [(s.role.value, s.text(page)[:24], s.text(page)[-16:]) for s in segments]


EXPECTED = {
    "cards": [
        ("main", "Fishing fleet stays in p", " within a month."),
        ("related", "Ferry line adds a night ", "etable was cut. "[:-1]),
        ("related", "Museum of clocks reopens", "ill being dried."),
    ],
    "teasers": [
        ("main", "Valley railway to run un", "or later trains."),
        ("teaser", "A baker in Quarry Bay ha", "nced on Tuesday."),
        ("teaser", "Police in Tarn End are l", "night on Friday."),
        ("teaser", "Astronomers at the Selby", "aid on Thursday."),
    ],
    "site": [("main", "Orchard growers fear lat", "til the weekend.")],
    "echo": [("main", "The town of Rushmere wil", "in thirty years.")],
    "bare": [
        ("main", "Two held after market st", "ses of the fire."),
        ("related", "Glacier survey finds ice", "within a decade."),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_layout_is_cut_where_its_stories_begin_and_end(name: str) -> None:
    """Each layout of the acceptance pages has an authored page of its kind."""
    page, segments = _cut(name)
    assert [(role, start, end[-15:]) for role, start, end in _shape(page, segments)] == [
        (role, start, end[-15:]) for role, start, end in EXPECTED[name]
    ]


def test_junk_stands_in_no_segment() -> None:
    """Menus, buttons, comments and legal lines never reach the classifier."""
    for name in EXPECTED:
        page, segments = _cut(name)
        text = "\n".join(s.text(page) for s in segments)
        for junk in (
            "Share on",
            "Comments",
            "ADVERTISEMENT",
            "Watch:",
            "rights reserved",
            "Morning Brief",
            "hours ago",
            "Sign in",
            "GMT",
        ):
            assert junk not in text, (name, junk)


def test_cards_carry_source_and_age() -> None:
    """A related story knows where it came from and when."""
    _, segments = _cut("cards")
    assert [(s.headline, s.source, s.published) for s in segments[1:]] == [
        ("Ferry line adds a night crossing to the islands", "Coast Courier", "2 hours ago"),
        ("Museum of clocks reopens after flood", "Daily Ledger", "a day ago"),
    ]
    assert segments[0].headline == "Fishing fleet stays in port as fuel price climbs"
    assert segments[0].published == "Published: 3 March 2024, 08:12"


def test_a_story_shown_twice_points_at_its_first_place() -> None:
    """The same card twice is one story."""
    page, _ = _cut("cards")
    card = page[page.index("Coast Courier") :]
    segments = segment(page + "\n\n" + card)
    assert [s.duplicate_of for s in segments] == [None, None, None, 1, 2]


def test_hard_wrapped_lines_are_one_paragraph() -> None:
    """Lines broken at a column are not taken for headlines."""
    page = "Orchard growers fear late frost\nGrowers around the village of Pinfold lit fires between\ntheir rows on Wednesday night because of\nthe forecast.\n"
    (only,) = segment(page)
    assert only.headline == "Orchard growers fear late frost"
    assert only.text(page).endswith("forecast.")


@pytest.mark.parametrize(
    "page",
    ["", "\n\n\r\n", "Sign in\nSubscribe\nComments\n2 hours ago\n", "Home | News | Sport\nCookie settings\n"],
)
def test_a_page_of_nothing_but_furniture_has_no_segment(page: str) -> None:
    """Nothing is made up where nothing stands."""
    assert segment(page) == []


@settings(max_examples=300, deadline=None)
@given(ANY_PAGE)
def test_spans_are_ordered_disjoint_and_inside(page: str) -> None:
    """Offsets can be trusted on any page of any characters, and nothing raises."""
    for found in segment(page):
        places = [place for span in found.spans for place in span]
        assert places == sorted(places)
        assert all(start < end for start, end in found.spans)
        assert places[0] >= 0
        assert places[-1] <= len(page)
        assert found.text(page) == "\n".join(page[start:end] for start, end in found.spans)
    every = sorted(span for found in segment(page) for span in found.spans)
    assert all(a[1] <= b[0] for a, b in pairwise(every))
    assert sum(found.role is Role.MAIN for found in segment(page)) <= 1


@pytest.mark.parametrize(("pattern", "example"), [(rule["pattern"], example) for rule in RULES for example in rule["examples"]])
def test_furniture_rules_match_their_examples(pattern: str, example: str) -> None:
    """A rule matches its own examples, and they are furniture whichever rule comes first."""
    assert re.fullmatch(pattern, example.rstrip(".:"), re.IGNORECASE)
    assert kind_of(example) in FURNITURE


@pytest.mark.parametrize(
    "headline",
    [
        "Search for missing climbers enters third day",
        "Comment: why the budget will not last",
        "More than forty hurt as tram leaves rails",
        "OPINION: Our harbour deserves better",
        "May calls for talks on the border",
        "March of the penguins delayed by snow",
        "Top court rejects appeal over river dam",
        "Related charges dropped against former mayor of Hamlow",
        "Sign language to be taught in all schools",
        "Photographs of lost city shown for first time",
    ],
)
def test_headlines_are_not_taken_for_furniture(headline: str) -> None:
    """A rule that eats news is worse than one that misses a button."""
    assert kind_of(headline) is Kind.HEADLINE


@pytest.mark.parametrize(
    "line",
    [
        *(
            "2 hours ago",
            "a day ago",
            "7h",
            "Yesterday, 18:20",
            "Apr 4, 2025",
            "4 min read",
            "16:19 GMT 26.04.2025 (Updated: 16:28 GMT 26.04.2025)",
        ),
        *(
            "Published: 25 May 2025, 09:41",
            "Updated on Monday, 3 June 2019 at 5:30 p.m.",
            "2024-03-01 10:22",
            "Last modified 12/05/2023",
        ),
    ],
)
def test_ages_and_dates_in_any_form(line: str) -> None:
    """When a story was published is no part of it."""
    assert is_date(line)


@pytest.mark.parametrize("line", ["May", "Second half", "100 days of war", "Three dead on Monday", "2 dead, 5 hurt", "I am 12"])
def test_words_that_dates_are_made_of_are_not_yet_dates(line: str) -> None:
    """A short headline with a number in it is not an age."""
    assert not is_date(line)


def test_a_credit_line_is_split() -> None:
    """Source and age on one line are told apart, in either order."""
    assert split_credit("Coast Courier · 3 hours ago") == ("Coast Courier", "3 hours ago")
    assert split_credit("2h | Daily Ledger") == ("Daily Ledger", "2h")
    assert split_credit("Mayor resigns - deputy takes over") is None
