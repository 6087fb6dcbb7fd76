"""Short lines that no rule knows: furniture or a part of an article? A linear scorer over their words and surroundings.

Sites word their buttons, prompts and notices in endless ways, but with the same few words ("comment", "inbox", "your account"),
and they stand together. The weights are fitted on authored furniture among authored articles by `training.boilerplate` and lie
in a release.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from models.furniture import MARGINS, Kind
from models.lines import Line

MAX_WORDS = 25  # of a line that may be furniture
LONG = 20  # words from which a paragraph is surely an article's
CUES = (
    "is_prose", "is_label", "n_words_1", "n_words_2_3", "n_words_4_6", "question", "furniture_above", "furniture_below",
    "furniture_two_above", "furniture_two_below", "prose_above", "prose_below", "no_prose_below", "no_prose_above", "shouts",
    "title_case",
)  # fmt: skip

_WORDS = re.compile(r"[a-z]+(?:['’][a-z]+)?").findall


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """Weights of words and of first words (`^word`), and of the cues in their order; the bias holds the threshold."""

    words: dict[str, float]
    cues: tuple[float, ...]
    bias: float

    def mark(self, lines: Sequence[Line]) -> None:
        """Give lines that are furniture by all signs the kind of a widget."""
        marked = [
            line
            for line, row in zip(*surroundings(lines), strict=True)
            if self.bias + sum(compress(self.cues, row)) + sum(map(self._weight, words_of(line.text))) > 0
        ]
        for line in marked:
            line.kind = Kind.WIDGET

    def _weight(self, word: str) -> float:
        return self.words.get(word, 0.0)


def words_of(text: str) -> list[str]:
    """The words of a line, each once, and its first word marked as such."""
    found = _WORDS(text.lower())
    return [*dict.fromkeys(found), *(f"^{word}" for word in found[:1])]


def surroundings(lines: Sequence[Line]) -> tuple[list[Line], list[list[bool]]]:
    """The lines that may be furniture unknown to the rules, and the cues of each."""
    known = [line.kind in MARGINS for line in lines]
    prose = [index for index, line in enumerate(lines) if line.is_prose and line.n_words >= LONG]
    first, last = (prose[0], prose[-1]) if prose else (len(lines), -1)
    found: list[Line] = []
    rows: list[list[bool]] = []
    for index, line in enumerate(lines):
        is_broken = line.kind is Kind.LABEL and line.text.endswith(".")  # the end of a sentence, no label
        if known[index] or is_broken or line.kind is Kind.CAPTION or line.n_words > MAX_WORDS:
            continue
        n, text = line.n_words, line.text
        above, below = lines[index - 1] if index else None, lines[index + 1] if index + 1 < len(lines) else None
        found.append(line)
        rows.append(
            [
                line.is_prose, line.kind is Kind.LABEL, n == 1, 2 <= n <= 3, 4 <= n <= 6, text.endswith("?"),
                index > 0 and known[index - 1], index + 1 < len(lines) and known[index + 1],
                index > 1 and known[index - 2], index + 2 < len(lines) and known[index + 2],
                above is not None and above.is_prose and above.n_words >= LONG,
                below is not None and below.is_prose and below.n_words >= LONG,
                index > last, index < first, text.isupper(), n > 1 and text.istitle(),
            ]
        )  # fmt: skip
    return found, rows
