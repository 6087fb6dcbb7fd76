"""Related stories that stand on a page as cards, under source and age lines."""

from dataclasses import dataclass

from models.furniture import MAX_HEADLINE_WORDS, Kind, ends_sentence, split_credit
from models.lines import Line

MAX_SOURCE_BELOW = 4  # words of a source that stands below its age


@dataclass(frozen=True, slots=True)
class Card:
    """Where a card begins on a page, and what its source and age lines say."""

    first: int  # index of its first line
    content: int  # index of the first line after its source and age
    source: str | None
    published: str | None


_BULLET = " -–—•·|*"


def find_cards(lines: list[Line]) -> list[Card]:
    """Related stories that stand under source and age lines, wherever prose has gone before them."""
    cards: list[Card] = []
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


def _card_at(lines: list[Line], index: int, taken: int, prose_seen: bool) -> Card | None:
    """The card whose age line is at `index`, if one is there.

    An age between two namings of its source is a card anywhere; any other needs prose above it and a story below it.
    """
    line = lines[index]
    before = lines[index - 1] if index > taken else None
    after = lines[index + 1] if index + 1 < len(lines) else None
    published = line.text.strip(_BULLET)
    if line.kind is Kind.CREDIT:
        source, published = split_credit(line.text) or (None, published)
        card = Card(index, index + 1, source, published)
    elif before is not None and after is not None and _same_source(before, after):
        return Card(index - 1, index + 2, before.text.strip(_BULLET), published)
    elif before is not None and _may_be_source(before):
        card = Card(index - 1, index + 1, before.text.strip(_BULLET), published)
    elif after is not None and _may_be_source(after) and after.n_words <= MAX_SOURCE_BELOW:
        card = Card(index, index + 2, after.text.strip(_BULLET), published)
    else:
        return None
    return card if prose_seen and _heads_story(card, lines, taken) else None


def _heads_story(card: Card, lines: list[Line], taken: int) -> bool:
    """Whether a headline and a body follow; not where a headline stands above, with its own dateline below it."""
    if card.content + 1 >= len(lines):
        return False
    headline, body = lines[card.content], lines[card.content + 1]
    if not body.is_prose:
        return False
    if not headline.is_prose:
        return headline.is_open
    is_below_headline = card.first > taken and lines[card.first - 1].kind is Kind.HEADLINE
    return headline.n_words <= MAX_HEADLINE_WORDS and not is_below_headline


def _same_source(before: Line, after: Line) -> bool:
    return before.n_words <= 12 and before.text.strip(_BULLET).casefold() == after.text.strip(_BULLET).casefold()


def _may_be_source(line: Line) -> bool:
    return (
        line.n_words <= 6
        and len(line.text) <= 60
        and line.kind not in (Kind.SECTION, Kind.PROMO, Kind.LEGAL, Kind.LINK, Kind.MENU, Kind.DATE, Kind.CREDIT)
        and not ends_sentence(line.text)
    )
