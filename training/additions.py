"""Segments that come to a corpus: corrections and files of the desk. What repeats, what contradicts, what must stay out.

A later label stands over an earlier one, and an added one over the corpus', but nothing that is in the holdout, or nearly, is
ever learnt from or changed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.duplicates import Seen
from training.corpus import Segment

_WORDS = re.compile(r"\w+").findall
_CORPUS, _ADDED = "corpus", "added"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One text with two labels: which segments, their topics, and which of the two is learnt (`stands`)."""

    first: str
    second: str
    topics: tuple[tuple[str, ...], tuple[str, ...]]
    stands: str


@dataclass(frozen=True, slots=True)
class Additions:
    """The corpus with the labels that stand, what is added to it, and what was found on the way.

    `held_out` are ids of added segments that repeat the holdout, `known` of those that say what the corpus says already.
    """

    corpus: tuple[Segment, ...]
    added: tuple[Segment, ...]
    conflicts: tuple[Conflict, ...]
    held_out: tuple[str, ...]
    known: tuple[str, ...]


def merge(corpus: Sequence[Segment], folds: Sequence[int], added: Sequence[Segment]) -> Additions:
    """Bring `added`, in order of time, to a corpus whose first fold (see `training.fit`) is the holdout."""
    in_holdout = [fold == 0 for fold in folds]
    standing = list(corpus)
    place_of = {_key(segment): index for index, segment in enumerate(corpus)}
    seen = Seen()
    for index, segment in enumerate(corpus if added else ()):
        seen.first_like(segment.text, (_CORPUS, index))
    kept: dict[str, Segment] = {}
    conflicts: list[Conflict] = []
    held_out: list[str] = []
    known: list[str] = []
    groups: list[str] = []  # of the added segments that nothing before them was like
    for segment in added:
        key = _key(segment)
        place = place_of.get(key)
        earlier = kept.get(key) or (standing[place] if place is not None else None)
        if place is not None and in_holdout[place]:
            held_out.append(segment.id)
            conflicts += _conflict(standing[place], segment, standing[place].id)
            continue
        if earlier is not None:
            if earlier.topics == segment.topics:
                known.append(segment.id)
                continue
            conflicts += _conflict(earlier, segment, segment.id)
            if place is not None:
                standing[place] = replace(standing[place], topics=segment.topics)
            else:
                kept[key] = replace(segment, group=earlier.group)
            continue
        like = seen.first_like(segment.text, (_ADDED, len(groups)))
        if like is not None and like[0] == _CORPUS and in_holdout[like[1]]:
            held_out.append(segment.id)
            continue
        group = segment.group if like is None else corpus[like[1]].group if like[0] == _CORPUS else groups[like[1]]
        if like is None:
            groups.append(group)
        kept[key] = replace(segment, group=group)
    holdout_groups = {segment.group for segment, held in zip(corpus, in_holdout, strict=True) if held}
    strayed = {key for key, segment in kept.items() if segment.group in holdout_groups}
    held_out += [kept[key].id for key in strayed]
    return Additions(
        tuple(standing),
        tuple(segment for key, segment in kept.items() if key not in strayed),
        tuple(conflicts),
        tuple(held_out),
        tuple(known),
    )


def _key(segment: Segment) -> str:
    return " ".join(_WORDS(segment.text.lower()))


def _conflict(first: Segment, second: Segment, stands: str) -> list[Conflict]:
    if first.topics == second.topics:
        return []
    return [Conflict(first.id, second.id, (tuple(sorted(first.topics)), tuple(sorted(second.topics))), stands)]
