"""Lines told at sight are what all rules together say they are."""

import re
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import furniture, kernels, lines, rules
from models.furniture import MAX_FURNITURE, kind_of, reader
from models.rules import FOLDER, SHORT
from models.sight import ASKED, BYLINE, DATED, FOREIGN, NEEDS, OPENS, Lines
from training.corpus import CORPUS_DIR, read_segments

ENGLISH = tomllib.loads((FOLDER / "en.toml").read_text(encoding="utf-8"))
EVERYTHING = Lines([], b"", b"", 0, 0)
PLAIN = "".join(map(chr, range(32, 127))) + "‘’“”–—…"
SIGNS = sorted({*rules.signs()[0], *rules.signs()[1]})
EXAMPLES = [example for rule in ENGLISH["rule"] for example in rule["examples"]]
NEUTRAL = ["The minister left for talks", "in the north of the country", "Kim", "of grain", "and snow", "É", "Two"]
DATES = ["10", "2024", "12 May", "3 hours ago", "-30-"]
MARKS = [*".,:;!?…|/>–—-()[]“”‘’\"'#@_", "  ", "\t", "\xa0", '."', "!)", "?’]"]
PIECE = st.one_of(*map(st.sampled_from, (NEUTRAL, NEUTRAL, SIGNS, EXAMPLES, DATES, MARKS)))
LINE = st.lists(st.tuples(PIECE, st.sampled_from([" ", " ", ""])), min_size=1, max_size=12).map(
    lambda pieces: "".join(part for piece in pieces for part in piece)
)
needs_kernel = pytest.mark.skipif(kernels.name() != "compiled", reason="without the kernel nothing is told at sight")


def _held(line: str) -> int:
    ((_, _, _, held),) = reader().read(line)
    return int(held)


@settings(deadline=None)  # the first reads the rules
@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["a", "ж", " ", "\n", "\r", "\x0b", "\x1c", "\x1f", "\x85", "\u2028", "\xa0"])).map("".join)
)
def test_lines_stand_where_they_stand(page: str) -> None:
    """Whatever ends lines and whatever is blank."""
    assert [line[:3] for line in reader().read(page)] == [line[:3] for line in EVERYTHING.read(page)]


@settings(max_examples=1_000, deadline=None)
@given(LINE)
def test_any_line_is_of_the_kind_that_all_rules_give_it(page: str) -> None:
    """A rule that is not tried would not have matched."""
    for start, end, _, held in reader().read(page):
        assert kind_of(page[start:end], held) is kind_of(page[start:end])


ENDS = [
    *".!?…:,;-",
    '."',
    "!)",
    "?’]",
    " -30-",
    ". -30-",
    ". (12)",
    " 12",
    ".12",
    "_",
    '."' + "'" * 14,
    '."' + "'" * 15,
    "a)",
    "",
]
ITEMS = ["Harbours", "Rivers and lakes", "Kim", "Snow", "Wool", "Salt", "Bridges"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "start", ["Officials of both towns met on the bridge at noon", "Officialsofbothtownsmet onthebridgeatnoontoday"]
)
def test_ends_of_lines_are_told_from_one_another(start: str, end: str) -> None:
    """With and without a full stop, and with what may follow one."""
    assert kind_of(start + end, _held(start + end)) is kind_of(start + end)


@pytest.mark.parametrize(
    "between", [" | ", "|", " / ", "/", " > ", "  ", "   ", "\t", " \x1f ", " \xa0 ", " · ", " – ", ", ", " "]
)
def test_menus_are_told_from_lines(between: str) -> None:
    """Whatever stands between their items."""
    line = between.join(ITEMS)
    assert len(line) > SHORT
    assert kind_of(line, _held(line)) is kind_of(line)


@pytest.mark.parametrize("length", [SHORT + 1, 80, 81, MAX_FURNITURE])  # a rule has runs of up to 80
@pytest.mark.parametrize("marks", ["_", "-", "—", "_ - ", "- ", ")", '"', "“", "_'"])
@pytest.mark.parametrize("end", ["", ".", "_", ")", "...", " -", " 1", "a", "é"])
def test_lines_of_marks_alone_are_told_from_those_that_say_something(marks: str, length: int, end: str) -> None:
    """However long, and whatever they end in."""
    line = (marks * length)[: length - len(end)] + end
    assert kind_of(line, _held(line)) is kind_of(line)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINE, max_size=8), st.sampled_from(["\n", "\n\n", "\r\n", "\n\n\n\n\n"]))
def test_lines_are_joined_alike(texts: list[str], between: str) -> None:
    """Where a paragraph is wrapped, whatever was told of its lines."""
    page = between.join(texts)
    found = list(lines.read_lines(page))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "reader", lambda: EVERYTHING)
        assert found == list(lines.read_lines(page))


def test_lines_of_stories_are_of_the_kind_that_all_rules_give_them() -> None:
    """Paragraphs and sentences of our own."""
    topics = ["sanctions", "ukraine_war", "african_diplomacy", "media_freedom", "korea_russia_military_ties"]
    for segment in read_segments([CORPUS_DIR], topics)[::20]:
        page = "\n\n".join([segment.full_text, *re.split(r"(?<=[.!?]) ", segment.full_text)])
        for start, end, _, held in reader().read(page):
            assert kind_of(page[start:end], held) is kind_of(page[start:end]), page[start:end]


def _longer(pattern: str) -> list[str]:
    """A pattern for each place in which it takes anything, where that must be long."""
    found = []
    for match in re.finditer(r"(?<!\\)(\.|\[\^[^]]+\])(\*|\{\d+,(\d+)\})", pattern):
        most = int(match[3] or 80)
        found.append(f"{pattern[: match.start()]}{match[1]}{{{min(most, SHORT)},{most}}}{pattern[match.end() :]}")
    return found


def _patterns() -> list[Any]:
    found = [(rule["pattern"], OPENS) for rule in ENGLISH["rule"] if "needs" not in rule]
    found += [(pattern, BYLINE) for pattern in ENGLISH["bylines"]["patterns"]]
    return [
        pytest.param(longer, sign, id=f"{pattern[:30]} {n}")
        for pattern, sign in found
        for n, longer in enumerate(_longer(pattern))
    ]


@needs_kernel
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize(("pattern", "sign"), _patterns())
@given(data=st.data())
def test_a_line_that_a_rule_matches_has_its_sign(pattern: str, sign: int, data: st.DataObject) -> None:
    """Openings name every line that a rule matches, of those that are long enough to be told by them."""
    line = data.draw(st.from_regex(re.compile(pattern), fullmatch=True, alphabet=PLAIN)).strip(" .…:>")
    if SHORT < len(line) <= MAX_FURNITURE:
        assert _held(line) & (sign | FOREIGN)


@needs_kernel
def test_most_lines_are_told_at_sight() -> None:
    """Prose that no rule could be about is of no concern to any; a word that one needs makes it one."""
    prose = "Officials of both countries met in Harare on Monday to talk about the new bridge."
    assert not _held(prose) & ASKED
    assert _held(f"Share {prose}") & ASKED == OPENS
    assert _held(f"{prose} It was reserved.") & ASKED == NEEDS
    assert _held(prose.replace("Monday", "12 May")) & ASKED == DATED
    assert _held(prose.replace("bridge", "coöperation")) == FOREIGN


def test_every_english_rule_says_when_to_try_it() -> None:
    """By its openings or by what it needs, and not by both."""
    assert all(("needs" in rule) != ("openings" in rule) for rule in ENGLISH["rule"])


@needs_kernel
@pytest.mark.parametrize(
    "arguments",
    [
        (["a", "b"], b"x", b"xx", 41, 260),
        (["a", "b"], b"xx", b"x", 41, 260),
        (["a" * 17], b"x", b"x", 41, 260),
        (["a"], b"x", b"x", 15, 260),
        (["A"], b"x", b"x", 41, 260),
        ([1], b"x", b"x", 41, 260),
        ("a", b"x", b"x", 41, 260),
    ],
)
def test_signs_that_do_not_fit_together_are_refused(arguments: tuple[Any, ...]) -> None:
    """Nothing is read past the end of anything, and no word is looked for that no line has."""
    with pytest.raises((ValueError, TypeError)):
        kernels.of("Lines")(*arguments)


@needs_kernel
def test_a_reader_is_made_once_and_reads_text_alone() -> None:
    """What was not made says so; what is no page is refused."""
    kind = kernels.of("Lines")
    with pytest.raises(RuntimeError, match="not made"):
        kind.__new__(kind).read("a page")
    with pytest.raises(RuntimeError, match="made once"):
        furniture.reader().__init__([], b"", b"", 41, 260)
    with pytest.raises(TypeError):
        furniture.reader().read(b"a page")
