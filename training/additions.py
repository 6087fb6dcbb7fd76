"""Segments that come to a corpus: corrections and files of the desk. What repeats, what contradicts, what must stay out.

A later label stands over an earlier one, and an added one over the corpus', but nothing that is in the holdout, or nearly, is
ever learnt from or changed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from models.duplicates import Seen
from training.corpus import Segment

_WORDS = re.compile(r"\w+").findall


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
    fold_of = dict(zip((segment.id for segment in corpus), folds, strict=True))
    by_words = {_key(segment): segment for segment in corpus}
    by_id = {segment.id: segment for segment in corpus}
    seen = Seen()
    if added:
        for segment in corpus:
            seen.first_like(segment.text, (segment.id, 0))
    kept: dict[str, Segment] = {}
    conflicts: list[Conflict] = []
    held_out: list[str] = []
    known: list[str] = []
    changed: dict[str, Segment] = {}
    for segment in added:
        key = _key(segment)
        earlier = kept.get(key) or by_words.get(key)
        if earlier is not None and earlier.id in fold_of and fold_of[earlier.id] == 0:
            held_out.append(segment.id)
            conflicts += _conflict(earlier, segment, earlier.id)
            continue
        if earlier is not None and earlier.topics == segment.topics:
            known.append(segment.id)
            continue
        if earlier is not None:
            conflicts += _conflict(earlier, segment, segment.id)
            if earlier.id in by_id:
                changed[earlier.id] = by_words[key] = replace(earlier, topics=segment.topics)
                continue
        like = seen.first_like(segment.text, (segment.id, 0))
        if like is not None and fold_of.get(like[0]) == 0:
            held_out.append(segment.id)
            continue
        group = earlier.group if earlier is not None else _group(like, by_id, kept) or segment.group
        kept[key] = replace(segment, group=group)
    holdout_groups = {segment.group for segment in corpus if fold_of[segment.id] == 0}
    strayed = {key for key, segment in kept.items() if segment.group in holdout_groups}
    held_out += [kept[key].id for key in strayed]
    return Additions(
        tuple(changed.get(segment.id, segment) for segment in corpus),
        tuple(segment for key, segment in kept.items() if key not in strayed),
        tuple(conflicts),
        tuple(held_out),
        tuple(known),
    )


def _key(segment: Segment) -> str:
    return " ".join(_WORDS(segment.text.lower()))


def _group(like: tuple[str, int] | None, by_id: Mapping[str, Segment], kept: Mapping[str, Segment]) -> str | None:
    """The group of the story that a segment nearly repeats."""
    if like is None:
        return None
    if like[0] in by_id:
        return by_id[like[0]].group
    return next((segment.group for segment in kept.values() if segment.id == like[0]), None)


def _conflict(first: Segment, second: Segment, stands: str) -> list[Conflict]:
    if first.topics == second.topics:
        return []
    return [Conflict(first.id, second.id, (tuple(sorted(first.topics)), tuple(sorted(second.topics))), stands)]
