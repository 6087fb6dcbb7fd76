"""Page to segments: the main article, related stories and teasers, each with its exact places.

Structure first: lines are typed by `furniture`, cards are found by their source and age lines. What carries no marker is
told by `cohesion`: a paragraph of the article repeats its names and nouns, a stranger's teaser does not.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from models import cohesion
from models.furniture import FURNITURE, MARGINALIA, MAX_HEADLINE_WORDS, Kind, ends_sentence, kind_of, split_credit

Span = tuple[int, int]

MIN_HEADLINE_WORDS = 5  # below this, a line between paragraphs is more often a crosshead
HEADLINE_BOUND = -1.5  # mean log-odds above which a full headline and its paragraphs open another story
STORY_DEPTH = 12  # under a headline, a story may be strange however short the one above is
CROSSHEAD_BOUND = 1.5  # the same for a short one
STORY_OVERLAP = 0.30  # and which share less of their vocabulary than this with the text above
CROSSHEAD_OVERLAP = 0.15
BREAK = 2.2  # log-odds that a request to the reader or a section heading stands below the article's end, not in its midst
MIN_EVIDENCE = 2.5  # summed log-odds below which a page is not cut
STRANGER = (
    4.0  # log-odds that one line counts for at most, and with which a long paragraph or a crosshead belongs to the article
)
MAX_TEASER_WORDS = 110
ECHO_SHINGLE = 6  # words in a row that make a repeat
ECHO_SHARE = 0.8
ECHO_PROBE = 24  # characters that a repeat begins with, as its first copy does
MAX_ECHOES = 8  # bounds the work on a page made to be slow
MAX_STORIES = 60  # the same
MAX_STORY_LINES = 100  # the same: a headline further down opens no story
MIN_ECHO_WORDS = 40
MAX_SOURCE_BELOW = 4  # words of a source that stands below its age
MIN_WRAPPED = 30  # characters; shorter lines are not hard-wrapped prose


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
class _Line:
    start: int
    end: int
    text: str
    kind: Kind
    n_words: int
    follows_break: bool = False  # a request to the reader or a section heading stands right above
    _paragraph: cohesion.Paragraph | None = None

    @property
    def paragraph(self) -> cohesion.Paragraph:
        """The line with its content words, read once."""
        if self._paragraph is None:
            self._paragraph = cohesion.read(self.text)
        return self._paragraph

    @property
    def is_prose(self) -> bool:
        return self.kind is Kind.PROSE

    @property
    def may_be_headline(self) -> bool:
        return self.kind in (Kind.HEADLINE, Kind.LABEL) or (self.is_prose and self.n_words <= MAX_HEADLINE_WORDS)


@dataclass(slots=True)
class _Story:
    role: Role
    lines: list[_Line]
    headline: _Line | None = None
    source: str | None = None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class _Card:
    first: int  # index of its first line
    content: int  # index of the first line after its source and age
    source: str | None
    published: str | None


def segment(page: str) -> list[Segment]:
    """The segments of a page in page order. A page of nothing but furniture has none; nothing raises."""
    lines = list(_lines(page))
    _drop_echoes(lines)
    cards = _find_cards(lines)
    starts = [*(card.first for card in cards), len(lines)]
    stories = list(_split_article(lines[: starts[0]]))
    for card, end in zip(cards, starts[1:], strict=True):
        if story := _card_story(card, lines[card.content : end]):
            stories.append(story)
    return _mark_repeats(page, [_as_segment(story) for story in stories])


# Lines ------------------------------------------------------------------------------------------------------------------

_LINE = re.compile(r"[^\n\r\x0b\x0c\x85\u2028\u2029]+")
_WORD = re.compile(r"\w+")


def _lines(page: str) -> Iterator[_Line]:
    """The lines of a page that are not blank; a line that goes on in lower case on the next is one with it (hard wraps)."""
    spans: list[Span] = []
    for match in _LINE.finditer(page):
        text = match[0].strip()
        if not text:
            continue
        start = match.start() + match[0].index(text[0])
        end = start + len(text)
        if spans and text[0].islower() and start - spans[-1][1] <= 3 and _goes_on(page, spans[-1]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    for start, end in spans:
        text = page[start:end]
        yield _Line(start, end, text, kind_of(text), len(text.split()))


def _goes_on(page: str, span: Span) -> bool:
    """Whether a line is long enough to be wrapped and does not close a sentence."""
    return span[1] - span[0] >= MIN_WRAPPED and not ends_sentence(page[max(span[0], span[1] - 8) : span[1]])


# Repeats ----------------------------------------------------------------------------------------------------------------


def _drop_echoes(lines: list[_Line]) -> None:
    """Remove from `lines` the copy of an article that is printed twice, keeping the one in paragraphs.

    A long line goes when its words stand elsewhere on the page too: as one line said again, or as the paragraphs that it
    runs together. A paragraph that another merely quotes stays.
    """
    starts = Counter(line.text[:ECHO_PROBE] for line in lines)
    suspects = [x for x in lines if x.n_words >= MIN_ECHO_WORDS and starts[x.text[:ECHO_PROBE]] > 1]
    for line in sorted(suspects, key=lambda x: -x.n_words)[:MAX_ECHOES]:
        own = _shingles([line])
        others = [x for x in lines if x is not line and x.n_words >= ECHO_SHINGLE]
        shared = [(x, own & _shingles([x])) for x in others]
        parts = [x for x, common in shared if common]
        covered = set().union(*(common for _, common in shared)) if parts else set()
        is_repeated = any(len(common) >= ECHO_SHARE * len(own) and x.n_words <= 1.25 * line.n_words for x, common in shared)
        if len(covered) >= ECHO_SHARE * len(own) and (len(parts) >= 2 or is_repeated):
            lines.remove(line)


def _shingles(lines: Iterable[_Line]) -> set[tuple[str, ...]]:
    found = [word.lower() for line in lines for word in _WORD.findall(line.text)]
    return set(zip(*(found[offset:] for offset in range(ECHO_SHINGLE)), strict=False))


def _mark_repeats(page: str, segments: list[Segment]) -> list[Segment]:
    """Point a story that stands on the page twice, word for word, at its first place."""
    first: dict[str, int] = {}
    marked = []
    for index, found in enumerate(segments):
        key = " ".join(_WORD.findall(found.text(page).lower()))
        earlier = first.setdefault(key, index)
        marked.append(
            found
            if earlier == index
            else Segment(found.role, found.spans, found.headline, found.source, found.published, duplicate_of=earlier)
        )
    return marked


# Cards ------------------------------------------------------------------------------------------------------------------

_BULLET = " -–—•·|*"


def _find_cards(lines: list[_Line]) -> list[_Card]:
    """Related stories that stand under source and age lines, wherever prose has gone before them."""
    cards: list[_Card] = []
    prose_seen = False
    taken = 0  # lines before this index belong to the card before
    for index, line in enumerate(lines):
        if line.is_prose and line.n_words > MAX_HEADLINE_WORDS // 2:
            prose_seen = True
        if index < taken or line.kind not in (Kind.DATE, Kind.CREDIT):
            continue
        if (card := _card_at(lines, index, taken, prose_seen)) is not None:
            cards.append(card)
            taken = card.content + 1
            prose_seen = True
    return cards


def _card_at(lines: list[_Line], index: int, taken: int, prose_seen: bool) -> _Card | None:
    """The card whose age line is at `index`, if one is there.

    An age between two namings of its source is a card anywhere; any other needs prose above it and a story below it.
    """
    line = lines[index]
    before = lines[index - 1] if index > taken else None
    after = lines[index + 1] if index + 1 < len(lines) else None
    published = line.text.strip(_BULLET)
    if line.kind is Kind.CREDIT:
        source, published = split_credit(line.text) or (None, published)
        card = _Card(index, index + 1, source, published)
    elif before is not None and after is not None and _same_source(before, after):
        return _Card(index - 1, index + 2, before.text.strip(_BULLET), published)
    elif before is not None and _may_be_source(before):
        card = _Card(index - 1, index + 1, before.text.strip(_BULLET), published)
    elif after is not None and _may_be_source(after) and after.n_words <= MAX_SOURCE_BELOW:
        card = _Card(index, index + 2, after.text.strip(_BULLET), published)
    else:
        return None
    return card if prose_seen and _heads_story(card, lines, taken) else None


def _heads_story(card: _Card, lines: list[_Line], taken: int) -> bool:
    """Whether a headline and a body follow; not where a headline stands above, with its own dateline below it."""
    if card.content + 1 >= len(lines):
        return False
    headline, body = lines[card.content], lines[card.content + 1]
    if not body.is_prose:
        return False
    if not headline.is_prose:
        return headline.kind in (Kind.HEADLINE, Kind.LABEL)
    is_below_headline = card.first > taken and lines[card.first - 1].kind is Kind.HEADLINE
    return headline.n_words <= MAX_HEADLINE_WORDS and not is_below_headline


def _same_source(before: _Line, after: _Line) -> bool:
    return before.n_words <= 12 and before.text.strip(_BULLET).casefold() == after.text.strip(_BULLET).casefold()


def _may_be_source(line: _Line) -> bool:
    return (
        line.n_words <= 6
        and len(line.text) <= 60
        and line.kind not in (Kind.SECTION, Kind.PROMO, Kind.LEGAL, Kind.LINK, Kind.MENU, Kind.DATE, Kind.CREDIT)
        and not ends_sentence(line.text)
    )


def _card_story(card: _Card, lines: list[_Line]) -> _Story | None:
    """The story of a card: its first line is the headline, the prose below it the body."""
    content = _without_margins(lines)
    if not content:
        return None
    headline = content[0] if content[0].may_be_headline and len(content) > 1 else None
    last_prose = max((index for index, line in enumerate(content) if line.is_prose), default=0)
    return _Story(Role.RELATED, content[: last_prose + 1], headline, card.source, card.published)


def _without_margins(lines: list[_Line]) -> list[_Line]:
    """The lines that are neither furniture nor dates and bylines, each knowing whether a break stood above it."""
    kept: list[_Line] = []
    is_break = False
    for line in lines:
        if line.kind in FURNITURE or line.kind in MARGINALIA:
            is_break |= line.kind in (Kind.PROMO, Kind.SECTION)
        else:
            line.follows_break, is_break = is_break, False
            kept.append(line)
    return kept


# Articles and teasers ---------------------------------------------------------------------------------------------------


def _split_article(lines: list[_Line]) -> Iterator[_Story]:
    """The main article of the lines above the first card, and the articles and teasers that run on after it."""
    start = _article_start(lines)
    if start is None:
        return
    marginal = [line for line in lines if line.kind in MARGINALIA]
    published = next((line.text for line in marginal if line.kind is Kind.DATE), None)
    content = _keep_content(lines[start:])
    role = Role.MAIN
    for number in range(MAX_STORIES):
        if not content:
            return
        end = _next_story(content[:MAX_STORY_LINES]) if number < MAX_STORIES - 1 else len(content)
        end = end if end < MAX_STORY_LINES else len(content)
        article, rest = content[:end], content[end:]
        body_end = _teasers_start(article)
        body = article[:body_end]
        headline = body[0] if len(body) > 1 and body[0].may_be_headline and _heads(body) else None
        yield _Story(role, body, headline, published=published if role is Role.MAIN else None)
        for line in article[body_end:]:
            if line.is_prose:
                yield _Story(Role.TEASER, [line])
        content, role = rest, Role.RELATED


def _heads(body: list[_Line]) -> bool:
    return not body[0].is_prose or body[0].n_words < body[1].n_words


def _article_start(lines: list[_Line]) -> int | None:
    """Index of the main article's first line: its headline, or its first prose.

    Without any prose a headline alone is a story; several are a front page, which is no article. Then None.
    """
    first_prose = next((index for index, line in enumerate(lines) if line.is_prose), None)
    if first_prose is None:
        headlines = [index for index, line in enumerate(lines) if line.kind is Kind.HEADLINE]
        return headlines[0] if len(headlines) == 1 else None
    run: list[int] = []
    for index in range(first_prose - 1, -1, -1):
        if lines[index].kind is Kind.HEADLINE:
            run.append(index)
        elif lines[index].kind is Kind.LABEL and not run and lines[index].n_words > 1:
            continue
        elif run and lines[index].kind not in MARGINALIA:
            break
    if not run:
        label = first_prose - 1
        return label if label >= 0 and lines[label].kind is Kind.LABEL else first_prose
    # a headline and its deck belong together; three and more in a row are a list, and the last of them heads the article
    return run[-1] if len(run) <= 2 else run[0]


def _keep_content(lines: list[_Line]) -> list[_Line]:
    """Prose, and headlines and labels that stand over prose; not those that trail, nor those in a list."""
    rest = _without_margins(lines)
    kept: list[_Line] = []
    for index, line in enumerate(rest):
        below = rest[index + 1] if index + 1 < len(rest) else None
        if line.is_prose or index == 0 or (below is not None and (below.is_prose or (index == 1 and kept))):
            kept.append(line)
    return kept


def _next_story(content: list[_Line]) -> int:
    """Index of the first headline below the first line that opens another story, or the length.

    A full headline between paragraphs opens one unless the paragraphs below it carry on the story above; a few words are a
    crosshead of the same story unless what follows is altogether strange.
    """
    if not any(line.kind is Kind.HEADLINE for line in content[2:]):
        return len(content)
    strangeness = _strangeness(content, least_depth=STORY_DEPTH)
    paragraphs = [line.paragraph for line in content]
    above: set[str] = set()
    read_to = 0
    for index in range(2, len(content)):
        if content[index].kind is not Kind.HEADLINE:
            continue
        for paragraph in paragraphs[read_to:index]:
            above |= paragraph.names | paragraph.words
        read_to = index
        end = index + 1
        while end < len(content) and end < index + 6 and content[end].is_prose:
            end += 1
        is_full = content[index].n_words >= MIN_HEADLINE_WORDS
        bound, share = (HEADLINE_BOUND, STORY_OVERLAP) if is_full else (CROSSHEAD_BOUND, CROSSHEAD_OVERLAP)
        is_strange = sum(strangeness[index:end]) / (end - index) > bound
        if end - index > 1 and is_strange and cohesion.overlap(paragraphs[index:end], above) < share:
            return index
    return len(content)


def _strangeness(lines: list[_Line], least_depth: int = 0) -> list[float]:
    """Log-odds of every line to belong to another story, no line speaking louder than `STRANGER`."""
    odds = cohesion.strangeness([line.paragraph for line in lines], least_depth)
    return [max(-STRANGER, min(STRANGER, value)) for value in odds]


def _teasers_start(article: list[_Line]) -> int:
    """Index from which an article's lines are teasers of other stories, or its length.

    The split with the greatest likelihood: where the log-odds of all lines below to be strangers sum highest.
    """
    strangeness = _strangeness(article)
    best, split, total = MIN_EVIDENCE, len(article), 0.0
    for index in range(len(article) - 1, 1, -1):
        line = article[index]
        may_tease = line.is_prose and line.n_words <= MAX_TEASER_WORDS
        total += strangeness[index] if may_tease else -STRANGER
        total += BREAK * line.follows_break
        if total > best and may_tease:
            best, split = total, index
    return split


def _as_segment(story: _Story) -> Segment:
    spans = tuple((line.start, line.end) for line in story.lines)
    headline = story.headline.text if story.headline else None
    return Segment(story.role, spans, headline, story.source, story.published)
