"""Pages composed of the authored corpus, as scrapers leave them, with the story that every line belongs to.

An article is printed as it was written or a sentence or two a paragraph, whole or cut short, with crossheads, captions, lists,
highlights and hard wraps where sites have them. Alone, or followed by other articles, or by teasers: the first sentences of
other stories. Nothing marks where one ends and the next begins: marks are what `models.furniture` is for.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.corpus import Segment

CROSSHEADS = (
    "Why it matters", "What happens next", "Background", "The bigger picture", "What we know so far", "A long road",
    "In numbers", "How we got here", "Mixed reactions", "What they say", "Next steps", "A fragile calm", "The cost",
    "Voices from the ground", "Looking ahead", "Key figures", "Who is affected?", "What is at stake?", "Under pressure",
    "No easy answers", "The details", "Analysis", "'A difficult choice'", "“We will not forget”", "Market reaction",
    "A pattern", "Timeline", "Questions remain",
)  # fmt: skip
CAPTIONED = ("", "", "Image caption ", "Photo: ", "File photo: ", "Media caption ")
BULLETS = ("- ", "• ", "* ", "– ", "")
MIN_WORDS = 120  # of an article
SAME_TOPIC = 0.35  # of the other stories on a page; sites relate like to like
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’]?\s+(?=[A-Z“\"‘])")
_DATELINE = re.compile(r"^[A-Z][\w .,'’()-]{2,50}? ?(?:—|–|--| -) ")


@dataclass(frozen=True, slots=True)
class ComposedPage:
    """A page and the story of each of its lines; story 0 is the article."""

    layout: str
    lines: list[str]
    stories: list[int]


def compose(segments: Sequence[Segment], n_pages: int, seed: int) -> list[ComposedPage]:
    """Pages of segments; the same seed gives the same pages."""
    rng = random.Random(seed)
    long = [segment for segment in segments if len(segment.text.split()) >= MIN_WORDS]
    by_topic: dict[str, list[Segment]] = {}
    for segment in long:
        for topic in sorted(segment.topics):
            by_topic.setdefault(topic, []).append(segment)
    return [_page(long, by_topic, rng) for _ in range(n_pages)]


def _page(segments: Sequence[Segment], by_topic: dict[str, list[Segment]], rng: random.Random) -> ComposedPage:
    layout = rng.choices(["single", "teasers", "articles"], [2, 4, 4])[0]
    main = rng.choice(segments)
    parts = [_article(main, rng, rng.choice([None, None, 200, 350]))]
    n_others = {"single": 0, "teasers": rng.randint(1, 9), "articles": rng.randint(1, 4)}[layout]
    used = {main.group}
    while len(parts) <= n_others:
        related = main.topics and rng.random() < SAME_TOPIC
        other = rng.choice(by_topic[rng.choice(sorted(main.topics))] if related else segments)
        if other.group in used or (layout == "articles" and not other.headline):
            used.add(other.group)
            n_others -= len(used) > 200  # a desk's corpus may hold less than a page asks for
            continue
        used.add(other.group)
        if layout == "articles":
            lines = _article(other, rng, rng.choice([None, 200, 350]))
            parts.append(lines if lines[0] == other.headline else [str(other.headline), *lines])
        else:
            parts.append([_teaser(other, rng)])
    return ComposedPage(
        layout, [line for part in parts for line in part], [story for story, part in enumerate(parts) for _ in part]
    )


def _teaser(segment: Segment, rng: random.Random) -> str:
    text = _DATELINE.sub("", segment.text) if rng.random() < 0.6 else segment.text
    return " ".join(_sentences(text)[: rng.choice([1, 1, 1, 2, 2, 3])])


def _article(segment: Segment, rng: random.Random, max_words: int | None) -> list[str]:
    text = _DATELINE.sub("", segment.text) if rng.random() < 0.5 else segment.text
    paragraphs = [paragraph for paragraph in text.split("\n") if paragraph.strip()]
    if rng.random() < 0.65:
        paragraphs = [piece for paragraph in paragraphs for piece in _pieces(paragraph, rng)]
    kept: list[str] = []
    for paragraph in paragraphs:
        if max_words is None or sum(len(p.split()) for p in kept) < max_words:
            kept.append(paragraph)
    style = rng.random()
    if style > 0.95:
        lines = [line for paragraph in kept for line in _wrapped(paragraph)]
    else:
        often = rng.choice([0.05, 0.15, 0.3]) if style < 0.45 else 0.0
        bullet = rng.choice(BULLETS)
        lines = []
        for number, paragraph in enumerate(kept):
            if number > 1 and rng.random() < often:
                lines.extend(_interruption(paragraph, kept, bullet, rng))
            lines.append(paragraph)
    if not segment.headline or rng.random() < 0.1:
        return lines
    n_below = rng.choices([0, 1, rng.randint(2, 4)], [82, 12, 6])[0]  # a deck, or highlights
    mark = rng.choice(["", "Story highlights ", "- "]) if n_below > 1 else ""
    return [segment.headline, *(mark + _clause(rng.choice(kept), rng) for _ in range(n_below)), *lines]


def _interruption(paragraph: str, paragraphs: Sequence[str], bullet: str, rng: random.Random) -> list[str]:
    """A crosshead of the trade, one of the paragraph's own words, a caption, or a list."""
    match rng.choices(["stock", "own", "caption", "list"], [35, 25, 25, 15])[0]:
        case "stock":
            return [rng.choice(CROSSHEADS)]
        case "own":
            words = _clause(paragraph, rng).split()
            start = rng.randint(0, max(0, len(words) - 4))
            title = " ".join(words[start : start + rng.randint(2, 6)])
            return [rng.choice(["", "", "### "]) + title[:1].upper() + title[1:]]
        case "caption":
            whole = rng.choice(_sentences(rng.choice(paragraphs))).rstrip(".")
            return [rng.choice(CAPTIONED) + (whole if rng.random() < 0.5 else _clause(rng.choice(paragraphs), rng))]
        case _:
            closed = rng.random() < 0.5
            return [bullet + (s if closed else s.rstrip(".")) for s in _sentences(rng.choice(paragraphs))[:3]]


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]


def _pieces(paragraph: str, rng: random.Random) -> list[str]:
    sentences = _sentences(paragraph)
    pieces = []
    while sentences:
        n = rng.choice([1, 1, 2, 2, 3])
        pieces.append(" ".join(sentences[:n]))
        sentences = sentences[n:]
    return pieces


def _clause(paragraph: str, rng: random.Random) -> str:
    """Some words of a sentence, without its full stop."""
    sentence = rng.choice(_sentences(paragraph)).rstrip('.!?"”’ ')
    if "," in sentence and rng.random() < 0.5:
        sentence = sentence.split(",")[0]
    return " ".join(sentence.split()[: rng.randint(6, 24)])


def _wrapped(paragraph: str, width: int = 80) -> list[str]:
    lines = [""]
    for word in paragraph.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
