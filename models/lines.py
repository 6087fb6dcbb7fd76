"""A page's lines: their places, their kinds, and the copy of an article printed twice taken out."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.furniture import MARGINS, MAX_HEADLINE_WORDS, Kind, ends_sentence, is_date, kind_of, reader
from models.sight import FOREIGN, RUNS_ON, Found

Span = tuple[int, int]

MAX_GAP = 4  # characters between the lines of a wrapped paragraph: two line breaks
MIN_WRAPPED = 30  # characters; shorter lines are not hard-wrapped prose
MIN_ECHO_WORDS = 40
ECHO_PROBES = 40  # stretches of a line that are looked for elsewhere, about
MAX_LONGER = 1.25  # times its words, that another line may have to be the same said again
ECHO_SHARE = 0.8
ECHO_PROBE = 24  # characters that a repeat begins with, as its first copy does
MAX_ECHOES = 8  # bounds the work on a page made to be slow


@dataclass(slots=True)
class Line:
    """One line, or a paragraph wrapped over several: `start` and `end` are code points of the page."""

    start: int
    end: int
    text: str
    kind: Kind
    n_words: int
    follows_break: bool = False  # a request to the reader or a section heading stands right above

    @property
    def is_prose(self) -> bool:
        """Whether it is a paragraph of running text."""
        return self.kind is Kind.PROSE

    @property
    def is_open(self) -> bool:
        """Whether it lacks a full stop, as headlines do."""
        return self.kind is Kind.HEADLINE or self.kind is Kind.LABEL

    @property
    def may_be_headline(self) -> bool:
        """Whether it could head a story."""
        return self.is_open or (self.is_prose and self.n_words <= MAX_HEADLINE_WORDS)


_WORD = re.compile(r"\w+")
_ABBREVIATION = re.compile(r"\b[A-Z]\.$")
_HANGING = re.compile(  # no line ends in one of these but where it is wrapped
    r"\b(?:the|of|and|to|an?|in|for|with|by|on|at|from|or|that|its|his|her|their|as|is|are|was|were|will|has|have|had|"
    r"which|who)$"
)


def read_lines(page: str) -> Iterator[Line]:
    """The lines of a page that are not blank; a line that goes on in lower case on the next is one with it (hard wraps)."""
    found: list[Found] = []
    for line in reader().read(page):
        if line[3] & RUNS_ON and found and line[0] - found[-1][1] <= MAX_GAP and _goes_on(page, found[-1], line):
            start, end = found[-1][0], line[1]
            found[-1] = (start, end, page.count(" ", start, end) + 1, FOREIGN)
        else:
            found.append(line)
    for start, end, n_words, held in found:
        text = page[start:end]
        yield Line(start, end, text, kind_of(text, held), n_words)


def _goes_on(page: str, line: Found, following: Found) -> bool:
    """Whether a line is long enough to be wrapped, does not close a sentence, and the next reads on from it."""
    start, end = line[:2]
    goes_on = page[following[0]].islower()
    if end - start < MIN_WRAPPED or not (goes_on or page[end - 1].isalnum()):
        return False
    tail = page[max(start, end - MIN_WRAPPED) : end]
    if goes_on:
        is_closed = ends_sentence(tail) and _ABBREVIATION.search(tail) is None
        return not is_closed and not is_date(page[following[0] : following[1]])
    return _HANGING.search(tail) is not None and page[following[0]].isalnum()


def drop_echoes(lines: list[Line]) -> None:
    """Remove from `lines` the copy of an article that is printed twice, keeping the one in paragraphs.

    A long line goes when its words stand elsewhere on the page too: as one line said again, or as the paragraphs that it
    runs together. A paragraph that another merely quotes stays.
    """
    starts = Counter([line.text[:ECHO_PROBE] for line in lines])
    if len(starts) == len(lines):
        return
    suspects = [x for x in lines if x.n_words >= MIN_ECHO_WORDS and starts[x.text[:ECHO_PROBE]] > 1]
    for line in sorted(suspects, key=lambda x: -x.n_words)[:MAX_ECHOES]:
        own = _letters(line)
        step = max(1, (len(own) - ECHO_PROBE) // ECHO_PROBES)
        probes = [own[at : at + ECHO_PROBE] for at in range(0, len(own) - ECHO_PROBE + 1, step)]
        others = [(x, _letters(x)) for x in lines if x is not line]
        found = [(x, [probe for probe in probes if probe in letters]) for x, letters in others]
        parts = [(x, common) for x, common in found if common]
        covered = len(set().union(*(common for _, common in parts)))
        enough = ECHO_SHARE * len(set(probes))
        is_repeated = any(len(set(common)) >= enough and x.n_words <= MAX_LONGER * line.n_words for x, common in parts)
        if covered >= enough and (len(parts) > 1 or is_repeated):
            lines.remove(line)


def _letters(line: Line) -> str:
    """A line's letters and digits alone: a copy may lack the spaces where its lines were run together."""
    return "".join(_WORD.findall(line.text.lower()))


def without_margins(lines: Sequence[Line]) -> list[Line]:
    """The lines that are neither furniture nor dates and bylines, each knowing whether a break stood above it."""
    kept: list[Line] = []
    is_break = False
    for line in lines:
        if line.kind in MARGINS:
            is_break |= line.kind is Kind.PROMO or line.kind is Kind.SECTION
        else:
            line.follows_break, is_break = is_break, False
            kept.append(line)
    return kept
