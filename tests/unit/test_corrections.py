"""What a correction is, before anybody stores it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corrections import MAX_LINE, MAX_TEXT, Correction, as_segment, check, segment_hash
from models.errors import InputError

TOPICS = ["beekeeping", "toll_bridges"]


@pytest.mark.parametrize(
    ("headline", "text", "expected"),
    [
        (None, "Bees swarm.", (None, "Bees swarm.")),
        ("", "Bees swarm.", (None, "Bees swarm.")),
        ("Bees", "Swarms left.", ("Bees", "Swarms left.")),
        ("Bees", "Bees\nSwarms left.", ("Bees", "Swarms left.")),
        ("Bees", "Bees\r\n\r\nSwarms left.", ("Bees", "Swarms left.")),
        ("Bees", "Bees left.", ("Bees", "Bees left.")),
        ("Bees", "Bees", (None, "Bees")),
        (" Bees ", "  Bees\n", (None, "Bees")),
    ],
)
def test_a_headline_is_said_once(headline: str | None, text: str, expected: tuple[str | None, str]) -> None:
    """A page's segment begins with its headline; as labelled data it stands apart, as the model reads it."""
    assert as_segment(headline, text) == expected


def test_copies_are_one_segment() -> None:
    """Line breaks, spacing, the form of accents and where the headline stands make no other segment; words and case do."""
    first = segment_hash("Café opens", "It opened on Monday.\nPeople came.")
    assert first == segment_hash(" Café  opens", "It opened on\u00a0Monday. People came. ")
    assert first == segment_hash(unicodedata.normalize("NFD", "Café opens"), "It opened on Monday.\n\nPeople came.")
    assert first == segment_hash("Café opens", "Café opens\nIt opened on Monday.\nPeople came.")
    assert first == segment_hash(None, "Café opens\nIt opened on Monday.\nPeople came.")
    assert first != segment_hash("Café opens", "It opened on Tuesday.\nPeople came.")
    assert first != segment_hash("CAFÉ OPENS", "It opened on Monday.\nPeople came.")


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_every_text_has_a_hash(headline: str, text: str) -> None:
    """No text breaks the hash, and spacing around it does not change it."""
    assert segment_hash(headline, text) == segment_hash(f"{headline} ", f"\n{text}\n")


@pytest.mark.parametrize(
    ("changed", "pointer", "words"),
    [
        ({"text": " \n"}, "/text", "empty or blank"),
        ({"text": "a" * (MAX_TEXT + 1)}, "/text", "100,001 characters"),
        ({"text": "bees\x00"}, "/text", "NUL character stands at offset 4"),
        ({"text": "bees \ud800"}, "/text", "half a surrogate pair stands at offset 5"),
        ({"headline": "b" * (MAX_LINE + 1)}, "/headline", "2,001 characters"),
        ({"note": "\x00"}, "/note", "NUL"),
        ({"document_id": "d" * 513}, "/document_id", "512 are allowed"),
        ({"model_version": "\x00"}, "/model_version", "NUL"),
        ({"topics": ("bees",)}, "/topics", "unknown topic 'bees'; there are beekeeping, toll_bridges"),
        ({"shown": ("Not a topic",)}, "/shown", "topic ids"),
        ({"shown": ("a",) * 101}, "/shown", "at most 100"),
    ],
)
def test_what_cannot_be_kept_is_refused(changed: dict[str, object], pointer: str, words: str) -> None:
    """Each fault names its place and the remedy, and never quotes the text."""
    row = {"text": "Swarms left the hives.", "topics": ("beekeeping",), **changed}
    with pytest.raises(InputError, match=words) as caught:
        check(Correction(**row), TOPICS)  # type: ignore[arg-type]
    assert caught.value.pointer == pointer
    assert "Swarms" not in str(caught.value)


def test_what_can_be_kept_is_not() -> None:
    """No topic is a full label; a topic that was shown may be one that the model of today does not have."""
    check(Correction(text="Rain.", topics=(), shown=("an_older_topic",), headline=None), TOPICS)
