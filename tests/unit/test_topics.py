"""Topics are data."""

from pathlib import Path

import pytest

from models.errors import TopicsError
from models.topics import load_topics

TOPIC = '[[topic]]\nid = "a"\nlabel = "A"\ndescription = "d"\ndefinition = "e"\n'


def test_the_shipped_topics_are_the_codebooks_five() -> None:
    """Data, requests and responses rely on these ids."""
    ids = [topic.id for topic in load_topics()]
    assert ids == [
        "korea_russia_military_ties",
        "ukraine_war",
        "african_diplomacy",
        "sanctions",
        "media_freedom",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "no [[topic]] table"),
        ("[[topic]", "not a TOML file"),
        ("\xff", "not a TOML file"),
        ('colour = "red"', "unknown key 'colour'"),
        ("topic = 3", "no [[topic]] table"),
        ("topic = [3]", "expected a table"),
        (TOPIC + 'colour = "red"', "unknown key 'colour'"),
        (TOPIC + "uri = 3", "'uri' must be"),
        (TOPIC.replace('"a"', '"A b"'), "lower-case"),
        (TOPIC.replace('label = "A"', 'label = " "'), "'label' must be"),
        (TOPIC + TOPIC, "stands twice"),
    ],
)
def test_a_bad_topics_file_is_named_with_its_fault(tmp_path: Path, content: str, fault: str) -> None:
    """A desk that edits topics.toml is told what to mend."""
    path = tmp_path / "topics.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(TopicsError) as caught:
        load_topics(path)
    assert str(path) in str(caught.value)
    assert fault in str(caught.value)


def test_a_missing_topics_file_is_named(tmp_path: Path) -> None:
    """The remedy stands in the message."""
    with pytest.raises(TopicsError, match="no such topics file"):
        load_topics(tmp_path / "none.toml")
