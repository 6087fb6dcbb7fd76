"""Does this paragraph belong to the story above it? A linear scorer over cues that carry across sites.

Cues: how much of the paragraph's vocabulary the story has used (Hearst 1997, TextTiling), whether it opens like a
continuation ("But", "The minister", a quotation), whether it introduces people afresh by their full names, and how far down it
stands. The weights are fitted on authored pages by `training.cohesion` and lie in `cohesion.json`.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.text import ENGLISH_WORDS

WEIGHTS_PATH = Path(__file__).with_name("cohesion.json")
CUES = (
    "names_on_page", "words_on_page", "names_above", "words_above", "names_in_head", "words_in_head", "n_names_above",
    "n_words_above", "continues", "opens_definite", "opens_quote", "n_new_people", "has_no_names", "depth", "has_quote",
    "pronouns", "says_when", "refers_back", "n_sentences", "n_strange", "is_strange",
)  # fmt: skip
N_HEAD = 4  # the headline and first paragraphs, in which a story names its subject

_WORD = re.compile(r"\w[\w'’-]*\w|\w")
_CONTINUES = re.compile(
    r"""["“'‘]?(?:he|she|it|they|his|her|its|their|this|that|these|those|but|and|however|also|such|others|another|both|"""
    r"""asked|earlier|there|so|or|if|we|our|you|i)\b""",
    re.IGNORECASE,
)
_DEFINITE = re.compile(
    r"""["“'‘]?(?:the|meanwhile|still|yet|some|according|later|while|since)\b""",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b[A-Z][\w'’-]+ [A-Z][\w'’-]+")
_PRONOUN = re.compile(r"\b(?:he|she|it|they|him|her|them|his|its|their|we|our|us|i|you)\b", re.IGNORECASE)
_WHEN = re.compile(r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\bovernight\b|\bthis week\b|\btoday\b|\byesterday\b")
_REFERS_BACK = re.compile(
    r"\b(?:also|added|however|meanwhile|earlier|previously|so far|same|latter|former|those|these|instead|despite|"
    r"though|although)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?][\"”’']?\s+(?=[A-Z“\"‘])")
_STOP = ENGLISH_WORDS | frozenset(
    """
    so if no up out do did does how what why where who whom our your my me we us you him them those these then now
    just only even other some such any all most many much very own same each every both few because while during
    before under again further once here should might must shall cannot being having doing made make makes new three
    first last year years days week month time people government country state states president minister says told
    according statement news report reported reports officials official friday monday tuesday wednesday thursday
    saturday sunday january february march april june july august september october november december million percent
    including since against between through back down still however like going take took come came part world public
    national international united
    """.split()
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph's text and its content words, folded to six letters so that inflected forms meet."""

    text: str
    names: frozenset[str]  # content words written with a capital
    words: frozenset[str]  # the others


def read(text: str) -> Paragraph:
    """A paragraph with its content words."""
    names: set[str] = set()
    words: set[str] = set()
    for word in _WORD.findall(text):
        folded = word.lower().removesuffix("'s").removesuffix("’s")
        if len(folded) > 3 and folded not in _STOP:
            (names if word[0].isupper() else words).add(folded[:6])
    return Paragraph(text, frozenset(names), frozenset(words))


def overlap(block: Sequence[Paragraph], above: set[str]) -> float:
    """The share of a block's content words that stand in `above`, names counted twice; 1.0 for a block without any."""
    names = set().union(*(p.names for p in block))
    words = set().union(*(p.words for p in block))
    total = 2 * len(names) + len(words)
    return (2 * len(names & above) + len(words & above)) / total if total else 1.0


def cues(paragraphs: Sequence[Paragraph], least_depth: int = 0) -> list[list[float]]:
    """The cues of every paragraph, in the order of `CUES`; no depth counts as less than `least_depth`."""
    counts: Counter[str] = Counter()
    for paragraph in paragraphs:
        counts.update(paragraph.names | paragraph.words)
    on_page = {word for word, count in counts.items() if count > 1}
    above: set[str] = set()
    head: set[str] = set()
    rows = []
    for depth, paragraph in enumerate(paragraphs):
        names, words, text = paragraph.names, paragraph.words, paragraph.text
        n_names, n_words = len(names), max(1, len(words))
        new_people = sum(all(part.lower()[:6] not in above for part in person.split()) for person in _PERSON.findall(text))
        rows.append(
            [
                len(names & on_page) / n_names if names else 0.4,
                len(words & on_page) / n_words,
                len(names & above) / n_names if names else 0.4,
                len(words & above) / n_words,
                len(names & head) / n_names if names else 0.3,
                len(words & head) / n_words,
                min(3.0, len(names & above)),
                min(6.0, len(words & above)) / 2,
                float(bool(_CONTINUES.match(text))),
                float(bool(_DEFINITE.match(text))),
                float(text[:1] in "\"“‘'"),
                float(min(3, new_people)),
                float(not names),
                math.log1p(max(depth, least_depth)),
                float("“" in text or '"' in text),
                min(0.2, len(_PRONOUN.findall(text)) / (1 + text.count(" "))),
                float(bool(_WHEN.search(text))),
                float(bool(_REFERS_BACK.search(text))),
                float(min(3, len(_SENTENCE.findall(text)))),
                math.log1p(len((names | words) - above)),
                float(not (names | words) & head),
            ]
        )
        above |= names | words
        if depth < N_HEAD:
            head |= names | words
    return rows


@cache
def _weights() -> tuple[tuple[float, ...], float]:
    stored = json.loads(WEIGHTS_PATH.read_text(encoding="utf-8"))
    return tuple(float(stored["weights"][cue]) for cue in CUES), float(stored["bias"])


def strangeness(paragraphs: Sequence[Paragraph], least_depth: int = 0) -> list[float]:
    """The log-odds of every paragraph to belong to another story than the one the page began with."""
    weights, bias = _weights()
    return [bias + sum(w * x for w, x in zip(weights, row, strict=True)) for row in cues(paragraphs, least_depth)]
