"""Pages are cut into the stories that stand on them."""

import time
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.registry import load_model
from models.rules import FOLDER
from models.segmenter import Role, Segment
from models.topics import load_topics
from training.corpus import CORPUS_DIR, read_segments
from training.pages import compose

segment = load_model(None).segmenter.segment
TOPICS = [topic.id for topic in load_topics()]
ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "tests" / "data" / "pages"
LANGUAGES = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))]
# Lines that stand around articles, of every language and kind but those that carry on an article.
JUNK = [
    e for file in LANGUAGES for rule in file["rule"] if rule["kind"] in {"widget", "section", "legal"} for e in rule["examples"]
]

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
        ("teaser", "Swimmers in Quarry Bay w", "guards reported."),
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


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(EXPECTED)), st.lists(st.sampled_from(JUNK), min_size=1, max_size=6))
def test_junk_below_never_changes_the_main_segment(name: str, junk: list[str]) -> None:
    """However much furniture follows, the article and with it its topics stay the same."""
    page = (PAGES / f"{name}.txt").read_text(encoding="utf-8")
    longer = page + "\n" + "\n".join(junk)
    assert segment(longer)[0].text(longer) == segment(page)[0].text(page)


# Worded as no rule has it, and in no list that the segmenter learnt from.
UNSEEN = """
Get the app that knows the harbour
Comments on this piece
You need an account to reply to readers
Mail me the morning letter
Print or share
Tell our newsroom about a mistake in this article
""".strip().split("\n")


def test_furniture_in_words_of_its_own_is_dropped() -> None:
    """Sites word their buttons as they like; most of them are told by their words and by where they stand."""
    assert not set(UNSEEN) & set((ROOT / "training" / "furniture_lines.txt").read_text(encoding="utf-8").splitlines())
    page = (PAGES / "teasers.txt").read_text(encoding="utf-8").split("\n")
    below = "\n".join([*page[:7], *UNSEEN])
    (main,) = segment(below)
    left = [line for line in UNSEEN if line in main.text(below)]
    assert len(left) <= 2, left
    assert main.text(below).count("\n") >= 6


@pytest.mark.parametrize("name", EXPECTED)
def test_cutting_is_idempotent(name: str) -> None:
    """The text of a segment, cut again, is that segment."""
    page = (PAGES / f"{name}.txt").read_text(encoding="utf-8")
    for found in segment(page):
        text = found.text(page)
        (again,) = segment(text)
        assert again.text(text) == text


def test_composed_pages_are_cut_where_their_stories_part() -> None:
    """Without any marks, on authored pages that the segmenter may have learnt from: a guard against breaking it, no measure."""
    pages = compose(read_segments([CORPUS_DIR], TOPICS), 60, seed=5)
    right = said = true = 0
    for page in pages:
        text = "\n".join(page.lines)
        starts = {found.spans[0][0] for found in segment(text)}
        at, gold = 0, set()
        for number, line in enumerate(page.lines):
            if number == 0 or page.stories[number] != page.stories[number - 1]:
                gold.add(at)
            at += len(line) + 1
        right, said, true = right + len(starts & gold), said + len(starts), true + len(gold)
    assert 2 * right / (said + true) >= 0.8


BAD_PAGES = {
    "no line breaks": "Orchard growers fear late frost, they said on Monday. " * 2_000,
    "only line breaks": "\n\r\u2028" * 100_000,
    "CRLF": "Orchard growers fear late frost\r\nGrowers lit fires between their rows on Wednesday night.\r\n" * 50,
    "a million lines": "a b\n" * 1_000_000,
    "right to left": "\u0627\u0644\u0645\u0632\u0627\u0631\u0639\u0648\u0646 \u064a\u062e\u0634\u0648\u0646 \u0627\u0644\u0635\u0642\u064a\u0639.\n\u202e" * 500,
    "binary": bytes(range(256)).decode("latin-1") * 400,
}  # fmt: skip


@pytest.mark.parametrize("page", BAD_PAGES.values(), ids=BAD_PAGES)
def test_bad_pages_are_cut_like_any(page: str) -> None:
    """Odd pages get segments or none, quickly; nothing raises."""
    for found in segment(page):
        assert found.text(page).strip()


def test_a_long_page_takes_its_share_of_time() -> None:
    """Thirty times the text takes less than sixty times as long: nothing grows with its square."""
    story = (
        "Orchard growers fear late frost in the valley\n"
        + "Growers lit fires between their rows, the council said. " * 4
        + "\n"
    )

    def seconds(page: str) -> float:
        start = time.process_time()
        segment(page)
        return time.process_time() - start

    seconds(story * 100)
    assert seconds(story * 9_000) < 60 * max(0.02, min(seconds(story * 300) for _ in range(3)))
