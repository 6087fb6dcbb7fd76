"""Made-up pages, the same ones for the same numbers: an article, a related card and what sites put around them."""

import json
import random
from pathlib import Path

_SENTENCES = (
    "The {body} met in {place} on {day} to discuss {matter}.",
    "Officials said that {matter} would cost the region some {n} million a year.",
    "A spokesman for the {body} declined to comment on {matter}.",
    "Residents of {place} told reporters that they had heard nothing of it until {day}.",
    "The European Union imposed sanctions on {n} shipping firms of {place}, froze their assets and extended the oil embargo.",
    "Russian forces shelled {place} overnight, and Ukrainian troops withdrew from {n} villages, the general staff in Kyiv said.",
    "Reporters of the closed newspaper in {place} were detained on {day}, and press freedom groups called for their release.",
    "African Union envoys held talks with the governments of Kenya and Ethiopia in {place} about {matter}.",
    "Pyongyang sent {n} thousand soldiers to Russia, according to the intelligence service in Seoul.",
    "It was the {n}th time in a decade that {matter} came before the {body}.",
)
_PLACES = ("Hamlow", "Ostrel", "Pinfold", "Quarry Bay", "Rushmere", "Selby Cross", "Tarn End", "Upper Weald", "Vane", "Wickham")
_BODIES = ("council", "ministry", "harbour board", "parliament", "court of appeal", "trade union", "water company")
_MATTERS = ("the new ferry", "a toll on the bridge", "prison reform", "the grain harvest", "a pipeline", "the school budget")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def page(number: int) -> str:
    """One page of some 900 characters."""
    rng = random.Random(number)
    story = [_sentence(rng) for _ in range(rng.randint(3, 6))]
    other = _sentence(rng)
    return (
        f"Home\nNews\nSubscribe\n{_headline(rng, number)}\nPublished: {rng.randint(1, 28)} May 2025\n"
        f"{' '.join(story[:2])}\n{' '.join(story[2:])}\nRelated Articles\n{_headline(rng, number + 1)}\nCoast Courier\n"
        f"{rng.randint(2, 9)} hours ago\n{other}\nCookie settings\n"
    )


def write_pages(path: Path, n: int) -> None:
    """Pages 0 to n as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            file.write(json.dumps({"document_id": f"page-{number}", "text": page(number)}) + "\n")


def _sentence(rng: random.Random) -> str:
    return rng.choice(_SENTENCES).format(
        body=rng.choice(_BODIES),
        place=rng.choice(_PLACES),
        matter=rng.choice(_MATTERS),
        day=rng.choice(_DAYS),
        n=rng.randint(2, 900),
    )


def _headline(rng: random.Random, number: int) -> str:
    return f"{rng.choice(_PLACES)} {rng.choice(_BODIES)} takes up {rng.choice(_MATTERS)} again in case {number}"
