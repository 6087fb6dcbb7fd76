"""Page to segments: the main article, related stories and teasers, each with its exact places.

Structure first: lines are typed by `furniture`, `cards` are found by their source and age lines. What carries no marker is
told by `cohesion`: a paragraph of the article repeats its names and nouns, a stranger's teaser does not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from models import cohesion
from models.cards import Card, find_cards
from models.furniture import MARGINALIA, Kind
from models.lines import Line, Span, drop_echoes, read_lines, without_margins

MIN_HEADLINE_WORDS = 5  # below this, a line between paragraphs is more often a crosshead
HEADLINE_BOUND = -1.5  # mean log-odds above which a full headline and its paragraphs open another story
STORY_DEPTH = 12  # under a headline, a story may be strange however short the one above is
CROSSHEAD_BOUND = 1.5  # the same for a short one
STORY_OVERLAP = 0.30  # and which share less of their vocabulary than this with the text above
CROSSHEAD_OVERLAP = 0.15
BREAK = 2.2  # log-odds that a request to the reader or a section heading stands below the article's end, not in its midst
MIN_EVIDENCE = 2.5  # summed log-odds below which a page is not cut
STRANGER = 4.0  # log-odds that one line counts for at most, and with which a long paragraph belongs to the article
MAX_TEASER_WORDS = 110
MAX_STORIES = 60  # bounds the work on a page made to be slow
MAX_STORY_LINES = 100  # the same: a headline further down opens no story


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
    lines: list[Line]
    headline: Line | None = None
    source: str | None = None
    published: str | None = None


def segment(page: str) -> list[Segment]:
    """The segments of a page in page order. A page of nothing but furniture has none; nothing raises."""
    lines = list(read_lines(page))
    drop_echoes(lines)
    cards = find_cards(lines)
    starts = [*(card.first for card in cards), len(lines)]
    stories = list(_split_article(lines[: starts[0]]))
    for card, end in zip(cards, starts[1:], strict=True):
        if story := _card_story(card, lines[card.content : end]):
            stories.append(story)
    return _mark_repeats(page, [_as_segment(story) for story in stories])


def _mark_repeats(page: str, segments: list[Segment]) -> list[Segment]:
    """Point a story that stands on the page twice, word for word, at its first place."""
    first: dict[str, int] = {}
    marked = []
    for index, found in enumerate(segments):
        key = " ".join(re.findall(r"\w+", found.text(page).lower()))
        earlier = first.setdefault(key, index)
        marked.append(
            found
            if earlier == index
            else Segment(found.role, found.spans, found.headline, found.source, found.published, duplicate_of=earlier)
        )
    return marked


def _card_story(card: Card, lines: list[Line]) -> _Story | None:
    """The story of a card: its first line is the headline, the prose below it the body."""
    content = without_margins(lines)
    if not content:
        return None
    headline = content[0] if content[0].may_be_headline and len(content) > 1 else None
    last_prose = max((index for index, line in enumerate(content) if line.is_prose), default=0)
    return _Story(Role.RELATED, content[: last_prose + 1], headline, card.source, card.published)


def _split_article(lines: list[Line]) -> Iterator[_Story]:
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


def _heads(body: list[Line]) -> bool:
    return not body[0].is_prose or body[0].n_words < body[1].n_words


def _article_start(lines: list[Line]) -> int | None:
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


def _keep_content(lines: list[Line]) -> list[Line]:
    """Prose, and headlines and labels that stand over prose; not those that trail, nor those in a list."""
    rest = without_margins(lines)
    kept: list[Line] = []
    for index, line in enumerate(rest):
        below = rest[index + 1] if index + 1 < len(rest) else None
        if line.is_prose or index == 0 or (below is not None and (below.is_prose or (index == 1 and kept))):
            kept.append(line)
    return kept


def _next_story(content: list[Line]) -> int:
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


def _strangeness(lines: list[Line], least_depth: int = 0) -> list[float]:
    """Log-odds of every line to belong to another story, no line speaking louder than `STRANGER`."""
    odds = cohesion.strangeness([line.paragraph for line in lines], least_depth)
    return [max(-STRANGER, min(STRANGER, value)) for value in odds]


def _teasers_start(article: list[Line]) -> int:
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
