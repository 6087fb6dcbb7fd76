"""Near-duplicates among the stories of a request or a bulk run: the wire story that ten sites carry.

MinHash (Broder 1997) over pairs of neighbouring words, with locality-sensitive hashing, by rensa. `docs/duplicates.md` has the
measured recall and precision; `service/archive/repeats.py` finds the same in an archive of any size.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from rensa import RMinHash, RMinHashLSH

from models.pipeline import Document, Form, Json

N_PERMUTATIONS = 128
N_BANDS = 32  # bands of four: stories that share half of their pairs meet in one with a chance of 87 %
LIKE = 0.40  # share of pairs in common (Jaccard) from which two stories are one
MIN_PAIRS = 12  # in fewer, a common phrase is too much of a story
SEED = 20261122

WHOLE = -1  # in place of a segment's index: a document that is one text

Place = tuple[str, int]  # a document, and a segment of it

_WORDS = re.compile(r"\w+").findall


def stories(document: Document, result: Json) -> Iterator[tuple[int, str]]:
    """The stories of a result that may repeat others: a text as a `WHOLE`, a page's segments by their index.

    Segments that repeat another of their page are left out.
    """
    if document.form is Form.TEXT:
        yield WHOLE, document.content
        return
    for index, segment in enumerate(result["segments"]):
        if segment["duplicate_of"] is None:
            yield index, segment["text"]


def signature(text: str) -> RMinHash | None:
    """What two stories are compared by; None for a text too short to tell."""
    pairs = {f"{a} {b}" for a, b in pairwise(_WORDS(text.lower()))}
    if len(pairs) < MIN_PAIRS:
        return None
    digest = RMinHash(N_PERMUTATIONS, SEED)
    digest.update(sorted(pairs))
    return digest


class Seen:
    """The stories seen so far in a request or a run; with `most`, only the latest so many, at some 4 KB each."""

    def __init__(self, most: int | None = None) -> None:
        self._index = RMinHashLSH(LIKE, N_PERMUTATIONS, N_BANDS)
        self._stories: dict[int, tuple[Place, RMinHash]] = {}  # numbered as they came
        self._n_seen = 0
        self._most = most

    def mark(self, result: Json, document: Document, name: str) -> None:
        """Set `duplicate_of` in a document's result where one of its stories repeats an earlier one.

        It becomes the name of the document that has the story first, or the index of the segment on the same page. A document
        that is one text bears the mark itself, and only if it repeats another. `name` is the document's own.
        """
        for index, text in stories(document, result):
            if first := self.first_like(text, (name, index)):
                if index == WHOLE:
                    result["duplicate_of"] = first[0]
                else:
                    result["segments"][index]["duplicate_of"] = first[1] if first[0] == name else first[0]

    def first_like(self, text: str, place: Place) -> Place | None:
        """The place of the earliest story that a text repeats; a text that repeats none is kept as found at its own."""
        digest = signature(text)
        if digest is None:
            return None
        for number in sorted(self._index.query(digest)):
            first, known = self._stories[number]
            if digest.jaccard(known) >= LIKE:
                return first
        self._index.insert(self._n_seen, digest)
        self._stories[self._n_seen] = (place, digest)
        self._n_seen += 1
        if self._most is not None and len(self._stories) > self._most:
            oldest = self._n_seen - len(self._stories)
            self._index.remove(oldest)
            del self._stories[oldest]
        return None
