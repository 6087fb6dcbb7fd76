"""HTML to blocks of text, one a line of the page, each with what is around it; furniture by tag or name left out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from models.errors import InputError
from models.furniture import Kind, is_date, kind_of

_BLOCKS = frozenset(
    """
    address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer h1 h2 h3 h4 h5
    h6 header hr html li main nav ol p pre section summary table tbody td tfoot th thead time tr ul
    """.split()
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# what a reader never sees as text, and what is furniture by its very tag
_DROPPED = frozenset(
    """
    head script style noscript template svg iframe object form button select textarea input nav footer dialog amp-ad label
    amp-sidebar amp-user-notification
    """.split()
)
# words of class names and ids that say that an element is no part of a story
_FURNITURE = frozenset(
    """
    ad ads advert adverts advertisement advertising banner bio biography breadcrumb breadcrumbs comment comments
    commenting commentlist consent cookie cookies copyright credits crumbs disqus eyebrow follow footer gdpr hidden hide kicker
    legal login masthead menu menubar meter modal nav navbar navigation newsletter noprint outbrain overlay paywall popup print
    promoted promotion pullquote regwall respond screenreader search share sharebar sharedaddy sharing signin signup skip
    social sponsor sponsored subnav subscribe subscription taboola tag tagcloud taglist tags toast toc toolbar tools topics
    visuallyhidden
    """.split()
)
_PULL_QUOTE = frozenset({"pull", "quote"})
_DATED = frozenset(
    {"byline", "byl", "date", "dateline", "published", "pubdate", "timestamp", "posted", "time", "updated", "author"}
)
_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu", "menubar", "toolbar", "form"}
)
_TITLES = frozenset({Kind.HEADLINE, Kind.PROSE})
_TAGS = re.compile(
    r"</?(?!(?:p|li|br|hr|img|meta|link|input|source|wbr|col|area|base|dt|dd|tr|td|th|option)\b)[a-z]+", re.IGNORECASE
).findall
_SPACE = re.compile(r"\s+")
_NAME_WORDS = re.compile(r"[a-z]+|[A-Z][a-z]*")
_BESIDE = re.compile(r"\s*[·|•]\s*")
_BEFORE_TITLE = re.compile(
    r"(?:[•·»›*–-] ?|\d{1,2}[:.]\d{2} |(?:read|see|watch|also|more|related|listen)[\w ]{0,20}: ?)++", re.IGNORECASE
)

MIN_PARAGRAPH = 80  # characters of a block that votes for its container
MIN_TITLE_WORDS = 5
MIN_HEADING_WORDS = 4
MAX_TITLE_WORDS = 30
MAX_CARD_WORDS = 140
MAX_NESTING = 5_000
MAX_DEPTH = 200  # elements within one another that are told apart, so that a page made to be slow is not
LINKED = 0.6  # share of a block's characters in links that makes it a link
OWN_ARTICLE = 3  # paragraphs of an element that is an article of its own


@dataclass(eq=False, slots=True)
class Element:
    """An element that holds text: its tag, the words of its class names and id, and what is around it."""

    tag: str
    parent: "Element | None"
    names: frozenset[str]
    depth: int = 0
    is_heading: bool = False  # or stands in one
    n_paragraphs: int = 0
    n_words: int = 0
    n_titles: int = 0

    def inner(self, tag: str, names: frozenset[str]) -> "Element":
        """An element within this one."""
        if self.depth >= MAX_DEPTH:
            return self
        return Element(tag, self, names, self.depth + 1, self.is_heading or tag in _HEADINGS)

    def ancestors(self) -> "Iterator[Element]":
        """The element and those around it, innermost first."""
        at: Element | None = self
        while at is not None:
            yield at
            at = at.parent


@dataclass(eq=False, slots=True)
class Block:
    """One block of text, as a reader sees it: a line of the page."""

    text: str
    element: Element
    linked: float  # share of its characters that stand in links
    start: int = 0  # code points of the page

    @property
    def n_words(self) -> int:
        """How many words it has."""
        return self.text.count(" ") + 1

    @property
    def is_heading(self) -> bool:
        """Whether it stands in a heading."""
        return self.element.is_heading

    @property
    def is_paragraph(self) -> bool:
        """Whether it is prose enough to tell where an article is."""
        return len(self.text) >= MIN_PARAGRAPH and self.linked < LINKED

    @property
    def is_title(self) -> bool:
        """Whether it could be the title of a story elsewhere: a link or heading of some words, and no furniture."""
        text = self.text[self.lead :]
        n_words, is_heading = text.count(" ") + 1, self.is_heading and not self.is_called(_DATED)
        if not (is_heading or self.linked >= LINKED) or n_words > MAX_TITLE_WORDS:
            return False
        return n_words >= (MIN_HEADING_WORDS if is_heading else MIN_TITLE_WORDS) and kind_of(text) in _TITLES

    @property
    def lead(self) -> int:
        """How many characters stand before the title proper: a bullet, a time, "Read more:"."""
        found = _BEFORE_TITLE.match(self.text)
        return found.end() if found else 0

    @property
    def is_dated(self) -> bool:
        """Whether it is a date or a byline, by its tag, its name or its words."""
        if self.is_paragraph or self.is_heading:
            return False
        return self.element.tag == "time" or self.is_called(_DATED) or kind_of(self.text) in {Kind.DATE, Kind.BYLINE}

    @property
    def date(self) -> str | None:
        """The date that it gives, alone or beside an author."""
        if not self.is_dated:
            return None
        found = [part for part in _BESIDE.split(self.text) if is_date(part)]
        return found[0] if found else self.text if self.element.tag == "time" else None

    def is_called(self, names: frozenset[str]) -> bool:
        """Whether its element, or the one around it, bears one of the names."""
        outer = self.element.parent
        return bool(self.element.names & names) or (outer is not None and bool(outer.names & names))


def read_blocks(html: str) -> tuple[str, list[Block]]:
    """The title of an HTML page and its blocks. What is broken is repaired, as browsers do.

    Raises `InputError` for elements nested so deep that no page is.
    """
    if _nesting(html) > MAX_NESTING:
        raise InputError(f"the HTML nests more than {MAX_NESTING:,} elements; send its text as 'page' instead", "/html")
    tree = LexborHTMLParser(html)
    if tree.body is None:
        return "", []
    heads = tree.head.iter() if tree.head is not None else ()
    titles = [node.text(deep=True) for node in heads if node.tag == "title"]
    blocks = _without_furniture(list(_blocks(tree.body)))
    at = 0
    for block in blocks:
        block.start = at
        at += len(block.text) + 1
    _count(blocks)
    return _SPACE.sub(" ", titles[0]).strip() if titles else "", blocks


def _nesting(html: str) -> int:
    """How many elements stand open at once, at most: reading them takes the square of it."""
    depth = deepest = 0
    for tag in _TAGS(html):
        depth = max(0, depth + (-1 if tag.startswith("</") else 1))
        deepest = max(deepest, depth)
    return deepest


def _blocks(body: LexborNode) -> Iterator[Block]:
    """The blocks of text under an element; a row of a data table is one block."""
    stack: list[tuple[LexborNode, Element, bool]] = [(body, Element("body", None, frozenset()), False)]
    parts: list[str] = []
    linked = 0
    owner: Element | None = None
    lists: dict[int, bool] = {}  # whether several links stand in an element
    while stack:
        node, around, in_link = stack.pop()
        if node.is_text_node:
            text = node.text_content or ""
            if around is not owner and text.strip():
                if made := _made(parts, linked, owner):
                    yield made
                parts, linked, owner = [], 0, around
            if around is owner:
                if _are_parted(parts, text) and (made := _made(parts, linked, owner)):
                    yield made
                    parts, linked = [], 0
                parts.append(text)
                linked += len(text.strip()) * in_link
            continue
        tag = node.tag or ""
        if tag == "br" and owner is not None:
            if made := _made(parts, linked, owner):
                yield made
            parts, linked, owner = [], 0, None
        if tag in _DROPPED or tag == "-comment" or _is_hidden(node):
            continue
        if (
            tag in _BLOCKS
            and not (tag in {"td", "th"} and _is_data_row(node.parent))
            and not (tag == "p" and around.tag == "li")
        ) or tag == "time":
            around = around.inner(tag, _names(node))
        children = list(node.iter(include_text=True))
        links_on = in_link or (tag == "a" and _leads_on(node))
        if tag == "a" and not in_link and _is_one_of_several(node, lists):
            around = around.inner(tag, frozenset())
        stack.extend((child, around, links_on) for child in reversed(children))
    if made := _made(parts, linked, owner):
        yield made


def _are_parted(parts: Sequence[str], text: str) -> bool:
    """Whether two runs of text that no space parts are parted by their looks: `June 4<span>Who` is no word."""
    if not parts or not parts[-1] or not text:
        return False
    last, first = parts[-1][-1], text[0]
    return (last.islower() and (first.isupper() or first.isdigit())) or (last.isdigit() and first.isalpha() and first.isupper())


def _leads_on(link: LexborNode) -> bool:
    """Whether a link leads to another page than this one and the front page."""
    href = (link.attributes.get("href") or "").strip()
    is_author = (link.attributes.get("rel") or "") == "author" or "/author" in href
    return not (href in {"", "/"} or href.startswith(("#", "mailto:", "javascript:", "tel:")) or is_author)


def _is_one_of_several(link: LexborNode, lists: dict[int, bool]) -> bool:
    """Whether a link of some words has others beside it, as in a list that is none by its tags. `lists` remembers parents."""
    parent = link.parent
    if parent is None or len(link.text(deep=True).split()) < MIN_TITLE_WORDS:
        return False
    if parent.mem_id not in lists:
        beside = (node for node in parent.iter() if node.tag == "a" and len(node.text(deep=True).split()) >= MIN_TITLE_WORDS)
        lists[parent.mem_id] = next(beside, None) is not None and next(beside, None) is not None
    return lists[parent.mem_id]


def _made(parts: list[str], linked: int, owner: Element | None) -> Block | None:
    text = _SPACE.sub(" ", "".join(parts)).strip()
    return Block(text, owner, linked / len(text)) if text and owner is not None else None


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or "display:none" in style
        or (attributes.get("role") or "") in _ROLES
    )


def _is_data_row(row: LexborNode | None) -> bool:
    """Whether a table row holds data, and not a page that is laid out as a table."""
    return row is not None and row.tag == "tr" and len(row.text(deep=True)) <= MAX_CARD_WORDS


def _names(node: LexborNode) -> frozenset[str]:
    attributes = node.attributes
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''} {attributes.get('itemprop') or ''}"
    return frozenset(word.lower() for word in _NAME_WORDS.findall(names))


def _without_furniture(blocks: Sequence[Block]) -> list[Block]:
    """The blocks outside elements that call themselves furniture, unless such an element holds much of the page's prose."""
    _count(blocks)
    total = blocks[0].element if blocks else None
    while total is not None and total.parent is not None:
        total = total.parent

    def is_furniture(element: Element) -> bool:
        is_large = element.n_paragraphs >= OWN_ARTICLE and total is not None and 3 * element.n_paragraphs >= total.n_paragraphs
        says_so = bool(element.names & _FURNITURE) or element.names >= _PULL_QUOTE
        return says_so and not is_large and element.tag not in {"body", "h1"}

    return [block for block in blocks if not any(is_furniture(element) for element in block.element.ancestors())]


def _count(blocks: Sequence[Block]) -> None:
    """Count paragraphs, words and titles into every element around them."""
    for block in blocks:
        for element in block.element.ancestors():
            element.n_paragraphs = element.n_words = element.n_titles = 0
    for block in blocks:
        is_paragraph, n_words, is_title = block.is_paragraph, block.n_words, block.is_title
        for element in block.element.ancestors():
            element.n_paragraphs += is_paragraph
            element.n_words += n_words
            element.n_titles += is_title
