"""What a line may hold, told without trying any rule: most lines of an article begin with no word that a rule is about, and
hold none. The kernel finds the lines of a page and says it of each (`models/kernel/lines.c`); here nothing is known of any
line, and all rules are tried. The kinds of lines are the same.
"""

import re
from collections.abc import Mapping

# What a line may hold. FOREIGN is anything; the others are of lines in English alone.
OPENS = 1  # it begins as a rule does that has `openings`
NEEDS = 2  # a word that a rule needs
FOREIGN = 4  # letters or words of other languages, or other characters than prose in English has, or no letter or digit at all
DATED = 8  # a digit, or a word that dates need
BYLINE = 16
SHAPED = 32  # marks between the items of a menu, or an end that needs a closer look
ENDS = 64  # the end of a sentence at its own
RUNS_ON = 128  # what goes on from the line above: it begins in lower case, or that one does not end in a mark
ANYTHING = FOREIGN | RUNS_ON
ASKED = OPENS | NEEDS | FOREIGN | DATED | BYLINE | SHAPED  # of these, rules are tried

_LINE = re.compile(r"\S[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]*")

Found = tuple[int, int, int, int]


class Lines:
    """Finds lines, and knows nothing of them."""

    def __init__(self, words: list[str], first: bytes, anywhere: bytes, shortest: int, longest: int):
        """What lines may hold that begin with some words, or hold them; and the lengths of those that are looked into."""

    def read(self, page: str) -> list[Found]:
        """The lines of a page that are not blank: start, end, number of words and what each may hold."""
        found: list[Found] = []
        for match in _LINE.finditer(page):
            text = match[0].rstrip()
            found.append((match.start(), match.start() + len(text), text.count(" ") + 1, ANYTHING))
        return found


def columns(first: Mapping[str, int], anywhere: Mapping[str, int]) -> tuple[list[str], bytes, bytes]:
    """What `Lines` is made with, of what lines may hold by word."""
    words = sorted(first.keys() | anywhere.keys())
    return words, bytes(first.get(word, 0) for word in words), bytes(anywhere.get(word, 0) for word in words)
