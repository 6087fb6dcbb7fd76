"""Page to segments: the main article, related stories and teasers, each with its exact places.

Structure first: lines are typed by `furniture`, `cards` are found by their source and age lines. What carries no marker is
told by `cohesion`: a paragraph of the article repeats its names and nouns, a stranger's teaser does not.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from models.boilerplate import Boilerplate
from models.cards import Card, find_cards
from models.cohesion import Linear, Reading, Vocabulary, opening_cues, stranger_odds
from models.furniture import Kind, kind_of
from models.html import Block
from models.html_stories import HtmlPage, is_teaser
from models.lines import Line, Span, drop_echoes, read_lines, without_margins

BREAK = 2.2  # log-odds that a request to the reader or a section heading stands below the article's end, not in its midst
MIN_EVIDENCE = 2.5  # summed log-odds below which a page is not cut
STRANGER = 4.0  # log-odds that one line counts for at most, and with which a long paragraph belongs to the article
MAX_TEASER_WORDS = 110
LIST = 3  # lines without a full stop in a row that make a list
OF_STORY = 0.2  # share of a headline's rare vocabulary that its story uses
LOOK_AHEAD = 8  # lines judged at once: what is a story above them changes with the first that opens one
PROBE = 16  # characters in which stories that are the same word for word agree
WINDOW = 160  # lines of one story that are compared with one another, so that long pages cost linear time


class Role(StrEnum):
    """What a segment is to its page."""

    MAIN = "main"
    RELATED = "related"
    TEASER = "teaser"


@dataclass(frozen=True, slots=True)
class Segment:
    """One story on a page. `spans` are code-point ranges of the page, the headline's first where there is one."""

    role: Role
    spans: tuple[Span, ...]
    headline: str | None = None
    source: str | None = None
    published: str | None = None
    duplicate_of: int | None = None  # index of the segment on the same page that this one repeats

    def text(self, page: str) -> str:
        """The segment's text: its spans of the page, joined by line breaks."""
        return "\n".join(page[start:end] for start, end in self.spans)


@dataclass(slots=True)
class _Story:
    role: Role
    lines: Sequence[Line]
    headline: Line | None = None
    source: str | None = None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class Segmenter:
    """Cuts pages with what was learnt of words and lines. Holds no state of a page; may be shared by threads."""

    vocabulary: Vocabulary
    strangers: Linear
    openings: Linear
    boilerplate: Boilerplate

    def segment(self, page: str) -> list[Segment]:
        """The segments of a page in page order. A page of nothing but furniture has none; nothing raises."""
        lines = list(read_lines(page))
        self.boilerplate.mark(lines)
        drop_echoes(lines)
        cards = find_cards(lines)
        starts = [*(card.first for card in cards), len(lines)]
        stories = self._articles(lines[: starts[0]])
        for card, end in zip(cards, starts[1:], strict=True):
            if story := _card_story(card, lines[card.content : end]):
                stories.append(story)
        return _mark_repeats(page, [_as_segment(story) for story in stories])

    def segment_html(self, page: HtmlPage) -> list[Segment]:
        """The segments of an HTML page: its articles cut as plain text is, its cards as they stand."""
        stories: list[_Story] = []
        has_main = False
        for region in page.regions:
            lines = [_line(block) for block in region.blocks]
            if not region.is_article:
                role = Role.TEASER if is_teaser(region) else Role.RELATED
                stories.append(_Story(role, lines, lines[0], region.source, region.published))
                continue
            self.boilerplate.mark(lines)
            found = self._articles(lines)
            for story in found:
                story.role = Role.RELATED if has_main and story.role is Role.MAIN else story.role
            if found and region.headline is not None:
                found[0].headline = lines[0] if found[0].lines[0] is lines[0] else found[0].headline
                found[0].published = region.published or found[0].published
            stories.extend(found)
            has_main |= bool(found)
        return _mark_repeats(page.text, [_as_segment(story) for story in stories])

    def _articles(self, lines: list[Line]) -> list[_Story]:
        """The main article of the lines above the first card, and the articles and teasers that run on after it."""
        content = without_margins(lines)
        first_prose = next((index for index, line in enumerate(content) if line.is_prose), None)
        if first_prose is None:
            lone = [line for line in content if line.kind in {Kind.HEADLINE, Kind.CAPTION} or _teases(line)]
            return [_Story(Role.MAIN, lone)] if len(lone) == 1 else []  # several headlines are a front page, and no article
        published = next((line.text for line in lines if line.kind is Kind.DATE), None)
        reading = Reading(self.vocabulary, [line.text for line in content])
        start = _article_start(content, reading, first_prose)
        stories: list[_Story] = []
        starts = [start, *self._starts(content, reading, start), len(content)]
        for role, begin, end in zip([Role.MAIN, *[Role.RELATED] * len(starts)], starts, starts[1:], strict=False):
            stories.extend(self._story_and_teasers(content, reading, begin, end, role))
        stories[0].published = published
        return stories

    def _starts(self, content: list[Line], reading: Reading, start: int) -> list[int]:
        """Where other articles begin below the one at `start`: at lines without a full stop."""
        is_open = [line.is_open for line in content]
        last_prose = max(index for index, line in enumerate(content) if line.is_prose)
        candidates = [index for index in range(start + 2, last_prose) if is_open[index]]
        starts: list[int] = []
        while candidates:
            chunk = candidates[:LOOK_AHEAD]
            above = starts[-1] if starts else start
            rows = opening_cues(reading, above, chunk, is_open, self.strangers)
            found = next((index for index, row in zip(chunk, rows, strict=True) if self.openings.log_odds_of(row) > 0), None)
            if found is not None:
                starts.append(found)
            passed = chunk[-1] if found is None else found + 1
            candidates = candidates[bisect_right(candidates, passed) :]
        return starts

    def _story_and_teasers(self, content: list[Line], reading: Reading, begin: int, end: int, role: Role) -> list[_Story]:
        """One article, and the teasers of others below it."""
        may_tease = [line.is_prose and line.n_words <= MAX_TEASER_WORDS for line in content[begin:end]]
        breaks = [line.follows_break for line in content[begin:end]]
        split = end
        while True:  # what is left is judged again, so that cutting it by itself changes nothing
            window = max(begin, split - WINDOW)
            odds = [-STRANGER] * (window - begin) + stranger_odds(reading, window, split, self.strangers).tolist()
            cut = begin + teasers_start(odds, may_tease, breaks)
            if cut == split:
                break
            split = cut
        body = _body(content[begin:split], odds, reading, begin)
        headline = body[0] if len(body) > 1 and body[0].may_be_headline and _heads(body) else None
        return [_Story(role, body, headline), *(_Story(Role.TEASER, [line]) for line in content[split:end] if _teases(line))]


def _line(block: Block) -> Line:
    return Line(block.start, block.start + len(block.text), block.text, kind_of(block.text), block.n_words)


def teasers_start(log_odds: Sequence[float], may_tease: Sequence[bool], breaks: Sequence[bool]) -> int:
    """Index from which a story's lines are teasers of others, or their number.

    The split with the greatest likelihood: where the log-odds of all lines below to be strangers sum highest.
    """
    start, most, total = len(log_odds), MIN_EVIDENCE, 0.0
    for index in range(len(log_odds) - 1, 1, -1):  # a story has a line and a headline
        total += BREAK * breaks[index] + (max(-STRANGER, min(STRANGER, log_odds[index])) if may_tease[index] else -STRANGER)
        if may_tease[index] and total > MIN_EVIDENCE and total >= most:
            start, most = index, total
    return start


def _body(lines: Sequence[Line], odds: Sequence[float], reading: Reading, begin: int) -> list[Line]:
    """An article's lines without lists of strange headlines in it, and without what trails it or stands under its headline and
    says nothing of it: labels, names, prompts. `begin` is the place of the first line in the reading.
    """
    if all(line.is_prose for line in lines[1:]):
        return list(lines)
    last_prose = max((index for index, line in enumerate(lines) if line.is_prose), default=0)
    kept: list[Line] = []
    run: list[int] = []
    for index in range(len(lines) + 1):
        if index < len(lines) and index > 0 and not lines[index].is_prose:
            run.append(index)
            continue
        trails = bool(run) and run[0] > last_prose
        for i in run:
            told = (begin, begin + last_prose + 1) if trails else (begin + i + 1, begin + len(lines))
            is_margin = (trails and lines[i].is_open) or (run[0] == 1 and lines[i].kind is Kind.LABEL)
            if is_margin and reading.share(begin + i, begin + i + 1, *told) < OF_STORY:
                continue
            if odds[i] < 0 or not (trails or len(run) >= LIST):
                kept.append(lines[i])
        run = []
        if index < len(lines):
            kept.append(lines[index])
    return kept


def _teases(line: Line) -> bool:
    """Prose, or a sentence too short to be told from a label."""
    return line.is_prose or line.text.endswith(".")


def _heads(body: Sequence[Line]) -> bool:
    return not body[0].is_prose or body[0].n_words < body[1].n_words


def _article_start(content: Sequence[Line], reading: Reading, first_prose: int) -> int:
    """Index of the main article's first line: its headline, or its first prose.

    A headline, its deck and highlights belong together; of a longer list the lines whose words the article takes up.
    """
    start = first_prose
    if start and content[start - 1].kind is Kind.LABEL and (start == 1 or content[start - 2].kind is Kind.LABEL):
        return start - 1
    for index in range(first_prose - 1, -1, -1):
        is_near = first_prose - index < LIST
        if content[index].kind is Kind.LABEL and not is_near:
            break
        if not is_near and reading.share(index, index + 1, first_prose, min(first_prose + 2 * LIST, len(content))) < OF_STORY:
            break
        if content[index].kind is Kind.HEADLINE:
            start = index
    return start


def _mark_repeats(page: str, segments: list[Segment]) -> list[Segment]:
    """Point a story that stands on the page twice, word for word, at its first place."""
    probes = [page[found.spans[0][0] : found.spans[0][0] + PROBE] for found in segments]
    if len(set(probes)) == len(probes):
        return segments
    first: dict[str, int] = {}
    marked = []
    for index, found in enumerate(segments):
        earlier = first.setdefault(" ".join(found.text(page).lower().split()), index)
        marked.append(found if earlier == index else replace(found, duplicate_of=earlier))
    return marked


def _card_story(card: Card, lines: list[Line]) -> _Story | None:
    """The story of a card: its first line is the headline, the prose below it the body."""
    content = without_margins(lines)
    if not content:
        return None
    headline = content[0] if content[0].may_be_headline and len(content) > 1 else None
    last_prose = max((index for index, line in enumerate(content) if line.is_prose), default=0)
    return _Story(Role.RELATED, content[: last_prose + 1], headline, card.source, card.published)


def _as_segment(story: _Story) -> Segment:
    spans = tuple((line.start, line.end) for line in story.lines)
    headline = story.headline.text if story.headline else None
    return Segment(story.role, spans, headline, story.source, story.published)
