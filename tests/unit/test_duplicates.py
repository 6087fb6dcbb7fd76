"""The same story carried by several documents is found."""

import pytest

from benchmarks.cutting import duplicate_figures
from models.duplicates import Seen
from models.pipeline import Document, Form, classify
from models.registry import load_model

PAGE = (
    "Ferry line adds a night crossing\nThe ferry company said on Sunday that it would run a night crossing from May.\n"
    "Tickets cost as much as by day, the company said, and dogs travel free of charge.\n"
)


def test_changed_copies_are_found_and_other_stories_are_not() -> None:
    """Recall of 0.95 with one word in ten changed, precision of 0.98; `make bench` prints the figures of `docs/cutting.md`."""
    found = duplicate_figures(share=0.1, n_stories=300)
    assert found.recall >= 0.95
    assert found.precision >= 0.98


def test_pages_of_one_run_point_at_the_first_that_has_a_story() -> None:
    """A story on two pages is marked on the second with the first one's id; a text alike bears the mark itself."""
    release = load_model(None)
    seen = Seen()
    results = []
    for name, content, form in (("a", PAGE, Form.PAGE), ("b", PAGE, Form.PAGE), ("c", PAGE, Form.TEXT)):
        document = Document(content, form, None, name)
        results.append(classify(release, document))
        seen.mark(results[-1], document, name)
    assert [segment["duplicate_of"] for segment in results[0]["segments"]] == [None]
    assert [segment["duplicate_of"] for segment in results[1]["segments"]] == ["a"]
    assert results[2]["duplicate_of"] == "a"


@pytest.mark.parametrize("text", ["", "Too short to tell", "one two " * 500])
def test_texts_that_say_too_little_are_never_duplicates(text: str) -> None:
    """A common phrase is no story."""
    seen = Seen()
    assert seen.first_like(text, ("a", 0)) is None
    assert seen.first_like(text, ("b", 0)) is None
