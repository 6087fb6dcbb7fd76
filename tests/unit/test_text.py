"""Tokens: one definition, the same as scikit-learn's."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from models.text import ENGLISH_WORDS, TOKEN_PATTERN, is_english, language_sample, token_spans, tokens

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)  # every code point, lone surrogates among them
_analyse = CountVectorizer(token_pattern=TOKEN_PATTERN).build_analyzer()


@given(ANY_TEXT)
def test_tokens_are_scikit_learns(text: str) -> None:
    """Training counts with scikit-learn and serving with our own code: they must see the same tokens."""
    assert tokens(text) == _analyse(text)


@given(ANY_TEXT)
def test_spans_point_at_the_tokens(text: str) -> None:
    """Evidence points into the text as it was submitted, whatever lower-casing does to its length."""
    found = token_spans(text)
    assert [token for token, _, _ in found] == tokens(text)
    for token, start, end in found:
        assert token in text[start:end].lower()
    assert all(a[2] <= b[1] for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("İstanbul ve ΟΔΥΣΣΕΥΣ", ["stanbul", "ve", "οδυσσευς"]),
        ("it's a U.S.-led 3,000-man force", ["it", "led", "000", "man", "force"]),
        ("", []),
        ("\ud800 北韓 e\u0301te\u0301", ["北韓", "te"]),
    ],
)
def test_odd_characters(text: str, expected: list[str]) -> None:
    """What lower-casing and word boundaries do to awkward characters is settled, not accidental."""
    assert tokens(text) == _analyse(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The minister said on Friday that the talks with the union would go on until an agreement was reached.",
            True,
        ),
        ("Parliament votes budget", True),
        (
            "Home World Politics Business Sport Culture Travel " * 12
            + "The minister said that the talks with the union would go on. " * 20,
            True,
        ),
        (
            "Le ministre a déclaré vendredi que les discussions avec le syndicat se poursuivraient jusqu'à un accord général.",
            False,
        ),
        (
            "El ministro dijo el viernes que las conversaciones con el sindicato continuarían hasta alcanzar un acuerdo final.",
            False,
        ),
        (
            "Министр заявил в пятницу, что переговоры с профсоюзом будут продолжаться до тех пор, пока стороны не договорятся.",
            False,
        ),
        (
            "Der Minister sagte am Freitag, die Gespräche mit der Gewerkschaft würden bis zu einer Einigung fortgesetzt werden.",
            False,
        ),
    ],
)
def test_other_languages_are_told_from_english(text: str, expected: bool) -> None:
    """A model of English words must know when it is not reading English; a headline is too short to tell."""
    seen = language_sample(tokens(text))
    assert is_english(len(seen), sum(token in ENGLISH_WORDS for token in seen)) is expected
