"""Scores to decisions: assigned, for review, or none and why."""

from dataclasses import dataclass
from enum import StrEnum

from models.scorer import Scored
from models.text import is_english

MIN_TOKENS = 4  # shorter texts say too little: at most for review
MIN_KNOWN_SHARE = 0.2  # of the tokens (half are function words, never features): below it scores rest on too little of the text


class Decision(StrEnum):
    """What became of one topic for one text."""

    ASSIGNED = "assigned"
    REVIEW = "review"
    NONE = "none"


_ASSIGNED, _REVIEW, _NONE = Decision  # an enum's members cost a look-up each time


class Reason(StrEnum):
    """Why a text was given no topic."""

    BELOW_THRESHOLD = "below_threshold"
    TOO_SHORT = "too_short"
    OUT_OF_VOCABULARY = "out_of_vocabulary"
    UNSUPPORTED_LANGUAGE = "unsupported_language"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where one topic's scores are cut: assigned from `threshold` up, for review from `review` up."""

    threshold: float
    review: float


def decide(scored: Scored, cuts: tuple[Cut, ...]) -> tuple[tuple[Decision, ...], Reason | None]:
    """One decision a topic, and the reason where nothing is assigned (else None).

    A text in another language is given nothing: names and loan words would still score, but the cuts were never measured
    on such text.
    """
    if not is_english(scored.n_seen, scored.n_english):
        return (Decision.NONE,) * len(cuts), Reason.UNSUPPORTED_LANGUAGE
    decisions = tuple(
        [
            _ASSIGNED if score >= cut.threshold else _REVIEW if score >= cut.review else _NONE
            for cut, score in zip(cuts, scored.scores, strict=True)
        ]
    )
    if scored.n_tokens < MIN_TOKENS:
        return tuple(Decision.REVIEW if d is Decision.ASSIGNED else d for d in decisions), Reason.TOO_SHORT
    if _ASSIGNED in decisions:
        return decisions, None
    if scored.n_known < MIN_KNOWN_SHARE * scored.n_tokens:
        return decisions, Reason.OUT_OF_VOCABULARY
    return decisions, Reason.BELOW_THRESHOLD
