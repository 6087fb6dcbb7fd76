"""Decisions: assigned, review, none and why."""

import pytest

from models.decisions import Cut, Decision, Reason, decide
from models.scorer import Scored
from models.text import ENGLISH_WORDS, language_sample, tokens

CUTS = (Cut(0.5, 0.2), Cut(0.8, 0.8))
ENGLISH = "The council said on Monday that the bridge would be closed for the winter and that it was sorry."


def _scored(text: str, first: float, second: float, known: float = 1.0) -> Scored:
    found = tokens(text)
    seen = language_sample(found)
    n_english = sum(token in ENGLISH_WORDS for token in seen)
    return Scored([0.0, 0.0], [first, second], len(found), round(known * len(found)), len(seen), n_english)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0.5, 0.1, (Decision.ASSIGNED, Decision.NONE)),
        (0.49, 0.81, (Decision.REVIEW, Decision.ASSIGNED)),
        (0.2, 0.79, (Decision.REVIEW, Decision.NONE)),
        (0.19, 0.0, (Decision.NONE, Decision.NONE)),
    ],
)
def test_scores_are_cut_at_their_topics_thresholds(first: float, second: float, expected: tuple[Decision, ...]) -> None:
    """A threshold belongs to `assigned`, the start of the band to `review`."""
    decisions, reason = decide(_scored(ENGLISH, first, second), CUTS)
    assert decisions == expected
    assert reason is (None if Decision.ASSIGNED in expected else Reason.BELOW_THRESHOLD)


@pytest.mark.parametrize(
    ("text", "known", "reason"),
    [
        ("Too short", 1.0, Reason.TOO_SHORT),
        ("", 1.0, Reason.TOO_SHORT),
        (ENGLISH, 0.1, Reason.OUT_OF_VOCABULARY),
        (
            "Совет заявил в понедельник, что мост будет закрыт на зиму, и принёс жителям свои искренние извинения.",
            0.0,
            Reason.UNSUPPORTED_LANGUAGE,
        ),
    ],
)
def test_none_says_why(text: str, known: float, reason: Reason) -> None:
    """A desk can tell "nothing there" from "could not tell"."""
    assert decide(_scored(text, 0.0, 0.0, known), CUTS)[1] is reason


def test_another_language_is_given_nothing() -> None:
    """Names and loan words must not tag a text that the thresholds were never measured on."""
    text = "Le ministre a déclaré que les sanctions contre la Russie seraient prolongées de six mois par le Conseil européen."
    decisions, reason = decide(_scored(text, 0.99, 0.99), CUTS)
    assert set(decisions) == {Decision.NONE}
    assert reason is Reason.UNSUPPORTED_LANGUAGE
