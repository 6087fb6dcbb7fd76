"""The stories that the markup of an HTML page holds together: articles and cards.

The article is where most of the prose stands: paragraphs vote for the elements around them, as in Readability and its heirs; an
element with as much prose of its own is a second article. Stories shown as a link to elsewhere, with or without a summary,
are cards and become segments of their own instead of vanishing or leaking. What is left is furniture. The lines of an article
go through the same segmenter as plain text does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from models.furniture import Kind, kind_of
from models.html import LINKED, MAX_CARD_WORDS, MIN_HEADING_WORDS, Block, Element, read_blocks

_SOURCES = frozenset({"source", "outlet", "publisher", "provider", "agency", "site", "credit", "brand"})
_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_SENTENCE = re.compile(r"[.!?][\"”’']?(?:\s|$)")
_ERROR = re.compile(
    r"\b(?:404|not found|page .{0,30}(?:missing|moved|gone|exist)|(?:cannot|can['’]?t|could not) find)\b", re.IGNORECASE
)
MANY_CARDS = 4  # on a page with little prose, that make it a front page
MAX_SOURCE_WORDS = 6
SUMMARY = 2  # sentences that make a card more than a teaser
OWN_ARTICLE = 3  # paragraphs of an element that is an article of its own
VOTES = (1.0, 1.0, 0.6, 0.3)  # of a paragraph for the elements around it, innermost first
MAX_CONTAINERS = 40  # looked at, most prose first
MAX_FOLLOWING = 6  # blocks that a title can have after it
RIVAL = 0.25  # of the votes of the best container, that another article needs


@dataclass(slots=True)
class Region:
    """Blocks that belong together: an article, or a card with its headline."""

    blocks: list[Block]
    is_article: bool
    headline: Block | None = None
    published: str | None = None
    source: str | None = None

    @property
    def n_paragraphs(self) -> int:
        """How many blocks are paragraphs."""
        return sum(block.is_paragraph for block in self.blocks)


@dataclass(slots=True)
class HtmlPage:
    """A page's text, one block a line, and its stories in page order."""

    text: str
    regions: list[Region] = field(default_factory=list)


def read_stories(html: str) -> HtmlPage:
    """The text and the stories of an HTML page. Raises `InputError` as `read_blocks` does."""
    title, blocks = read_blocks(html)
    containers = _containers(blocks)
    is_lost = any(block.is_heading and _ERROR.search(block.text) for block in blocks)
    articles = [region for container in containers if (region := _article(blocks, container, containers, title))]
    is_short = len(articles) == 1 and articles[0].n_paragraphs < OWN_ARTICLE
    if is_short and (is_lost or sum(block.is_title for block in blocks) > MANY_CARDS):
        articles, containers = [], []  # a page that says that there is none, or a front page
    taken = {block for article in articles for block in article.blocks}
    rest = [block for block in blocks if block not in taken]
    regions = [*articles, *_cards(rest, containers, linked_only=is_lost)]
    regions.sort(key=lambda region: region.blocks[0].start)
    return HtmlPage("\n".join(block.text for block in blocks), regions)


def _containers(blocks: Sequence[Block]) -> list[Element]:
    """The elements that hold an article each, the one with most prose among them; empty for a page without any."""
    votes: dict[Element, float] = {}
    for block in blocks:
        if block.is_paragraph:
            for vote, element in zip(VOTES, block.element.ancestors(), strict=False):
                votes[element] = votes.get(element, 0.0) + vote * len(block.text)
    if not votes:
        return []
    best: Element = max(votes, key=lambda element: votes[element])
    best = next((element for element in best.ancestors() if element.tag == "article"), best)
    for outer in list(best.ancestors()):  # an article in pieces: entries of a live blog, pictures of a gallery
        if best.n_paragraphs >= OWN_ARTICLE or outer.tag == "body":
            break
        if outer.n_paragraphs > best.n_paragraphs:
            best = outer
    containers = [best]
    for voted, vote in sorted(votes.items(), key=lambda item: -item[1])[:MAX_CONTAINERS]:
        found = next((around for around in voted.ancestors() if around.tag == "article"), None)
        if found is None or found.n_paragraphs < OWN_ARTICLE or vote < RIVAL * votes.get(best, vote):
            continue
        if not any(found in other.ancestors() or other in found.ancestors() for other in containers):
            containers.append(found)
    return containers


def _article(blocks: Sequence[Block], container: Element, containers: Sequence[Element], title: str) -> Region | None:
    """The article of a container: its headline, and the blocks that are neither cards nor under another container."""
    inside = [block for block in blocks if container in block.element.ancestors()]
    cards = {block for region in _cards(inside, containers, linked_only=True) for block in region.blocks}
    kept = [block for block in inside if block not in cards and not (block.linked >= LINKED and not block.is_heading)]
    if not kept:
        return None
    first = next((block for block in kept if block.is_paragraph), kept[0])
    headings = [b for b in blocks if b.start < first.start and any(e.tag == "h1" for e in b.element.ancestors())]
    titled = [b for b in blocks if b.start < first.start and b.n_words >= MIN_HEADING_WORDS and title.startswith(b.text)]
    headline = headings[-1] if headings else titled[-1] if titled else None
    published = _published(blocks, container, first)
    dates = {block for block in kept if block.is_dated}
    body = [block for block in kept if block not in dates and block is not headline]
    if headline is not None:
        body = [headline, *(block for block in body if block.start > headline.start)]
    return Region(body, True, headline, published)


def _published(blocks: Sequence[Block], container: Element, first: Block) -> str | None:
    """The date that stands nearest to the article's beginning."""
    near = [b for b in blocks if b.date and (container in b.element.ancestors() or b.start < first.start)]
    near.sort(key=lambda block: (block.element.tag != "time", abs(block.start - first.start)))
    return near[0].date if near else None


def _cards(blocks: Sequence[Block], containers: Sequence[Element], *, linked_only: bool) -> list[Region]:
    """Stories elsewhere: every title with what its element holds besides, as long as that is one story and no article.

    Where titles and summaries stand in one element by turns, a title has what follows it. A heading that is no link
    may be a title too where `linked_only` is false, if something follows.
    """
    around = {element for container in containers for element in container.ancestors()}
    ranges: dict[Element, tuple[int, int]] = {}  # the blocks of an element stand together
    for index, block in enumerate(blocks):
        for element in block.element.ancestors():
            ranges[element] = (ranges.get(element, (index, index))[0], index + 1)
    cards: list[Region] = []
    taken: set[Element] = set()
    for index, block in enumerate(blocks):
        if not block.is_title:
            continue
        element = block.element
        for outer in block.element.ancestors():
            if outer in around or outer.n_titles > 1 or outer.n_words > MAX_CARD_WORDS:
                break
            element = outer
        if element in taken:
            continue
        taken.add(element)
        inside = list(blocks[slice(*ranges[element])])
        if len(inside) == 1 and not linked_only:
            inside = [block, *_following(blocks[index + 1 :][:MAX_FOLLOWING], element)]
        if block.linked >= LINKED or (len(inside) > 1 and not linked_only):
            cards.append(_card(block, inside))
    return cards


def _following(blocks: Sequence[Block], element: Element) -> Iterator[Block]:
    """The blocks after a title that stand in the element around it, up to the next title."""
    for block in blocks:
        if block.is_title or block.n_words > MAX_CARD_WORDS or element.parent not in list(block.element.ancestors()):
            return
        yield block


def _card(title: Block, inside: Sequence[Block]) -> Region:
    """A card of its title, its prose, and what says when and where."""
    early = _TIME.search(title.text[: title.lead])
    dates = [date for b in inside if b.start != title.start and (date := b.date)]
    published = early[0] if early else dates[0] if dates else None
    title = Block(title.text[title.lead :], title.element, title.linked, title.start + title.lead)
    labels = [b for b in inside if b.start != title.start and b.n_words <= MAX_SOURCE_WORDS and not b.date]
    named = [b for b in labels if b.is_called(_SOURCES)] or [b for b in labels if dates and kind_of(b.text) is Kind.LABEL]
    source = named[0].text if named else None
    prose = [b for b in inside if b.start > title.start and b.linked < LINKED and _SENTENCE.search(b.text) and not b.is_dated]
    return Region([title, *prose], False, title, published, source)


def is_teaser(region: Region) -> bool:
    """Whether a card says no more than a headline and a sentence, and not where it comes from."""
    if region.source or (region.published and len(region.blocks) > 1):
        return False
    return sum(len(_SENTENCE.findall(block.text)) for block in region.blocks[1:]) < SUMMARY
