"""Short lines that no rule knows: furniture or a part of an article? A linear scorer over their words and surroundings.

Sites word their buttons, prompts and notices in endless ways, but with the same few words ("comment", "inbox", "your account"),
and they stand together. The weights are fitted on authored furniture among authored articles by `training.boilerplate` and lie
in a release.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, repeat

from models.furniture import MARGINS, Kind
from models.lines import Line

MAX_WORDS = 25  # of a line that may be furniture
LONG = 20  # words from which a paragraph is surely an article's
CUES = (
    "is_prose", "is_label", "n_words_1", "n_words_2_3", "n_words_4_6", "question",  # a line's own
    "furniture_above", "furniture_below", "furniture_two_above", "furniture_two_below", "prose_above", "prose_below",
    "no_prose_below", "no_prose_above", "shouts", "title_case",
)  # fmt: skip
N_OWN = 6

_WORDS = re.compile(r"[a-z]+(?:['’][a-z]+)?").findall


@dataclass(frozen=True)
class Boilerplate:
    """Weights of words and of first words (`^word`), and of the cues in their order; the bias holds the threshold."""

    words: dict[str, float]
    cues: tuple[float, ...]
    bias: float

    @cached_property
    def most_around(self) -> float:
        """What the cues of a line's surroundings come to at most."""
        return sum(weight for weight in self.cues[N_OWN:] if weight > 0)

    def mark(self, lines: Sequence[Line]) -> None:
        """Give lines that are furniture by all signs the kind of a widget."""
        around = Surroundings(lines)
        marked = [lines[index] for index in around.candidates() if self._is_furniture(around, index)]
        for line in marked:
            line.kind = Kind.WIDGET

    def _is_furniture(self, around: "Surroundings", index: int) -> bool:
        line = around.lines[index]
        odds = self.bias + sum(map(self.words.get, words_of(line.text), repeat(0.0))) + sum(compress(self.cues, own_cues(line)))
        return odds + self.most_around > 0 and odds + sum(compress(self.cues[N_OWN:], around.cues(index))) > 0


def words_of(text: str) -> list[str]:
    """The words of a line, each once, and its first word marked as such."""
    found = _WORDS(text.lower())
    words = list(dict.fromkeys(found))
    return [*words, f"^{words[0]}"] if words else words


def own_cues(line: Line) -> tuple[bool, ...]:
    """The cues that a line gives by itself."""
    n = line.n_words
    return line.is_prose, line.kind is Kind.LABEL, n == 1, 2 <= n <= 3, 4 <= n <= 6, line.text.endswith("?")


class Surroundings:
    """Lines among one another, as they were before any was marked."""

    def __init__(self, lines: Sequence[Line]):
        self.lines = lines
        self._is_margin = [line.kind in MARGINS for line in lines]
        self._is_long = [line.n_words >= LONG and line.is_prose for line in lines]
        self._first = self._is_long.index(True) if True in self._is_long else len(lines)
        self._last = max(compress(range(len(lines)), self._is_long), default=-1)

    def candidates(self) -> list[int]:
        """The lines that may be furniture unknown to the rules."""
        return [
            index
            for index, line in enumerate(self.lines)
            if line.n_words <= MAX_WORDS
            and not self._is_margin[index]
            and line.kind is not Kind.CAPTION
            and not (line.kind is Kind.LABEL and line.text.endswith("."))  # the end of a sentence, no label
        ]

    def cues(self, index: int) -> tuple[bool, ...]:
        """The cues of a line that are not its own alone."""
        text, left = self.lines[index].text, len(self.lines) - index
        margin, long = self._is_margin, self._is_long
        return (
            index > 0 and margin[index - 1], left > 1 and margin[index + 1], index > 1 and margin[index - 2],
            left > 2 and margin[index + 2], index > 0 and long[index - 1], left > 1 and long[index + 1],
            index > self._last, index < self._first, text.isupper(), self.lines[index].n_words > 1 and text.istitle(),
        )  # fmt: skip
