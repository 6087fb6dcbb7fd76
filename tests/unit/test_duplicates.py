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
    """Recall of 0.95 with one word in ten changed, precision of 0.98; `make bench` prints the figures of `docs/duplicates.md`."""
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


@pytest.mark.parametrize("n_shared", [26, 29, 32])
def test_a_duplicate_points_at_its_own_original_and_not_at_a_story_somewhat_like_it(n_shared: int) -> None:
    """A story that was compared with another, and found not alike enough, is kept under its own place."""
    words = [f"tale{number}" for number in range(200)]
    other = [*words[:n_shared], *words[100 : 160 - n_shared]]
    seen = Seen()
    assert seen.first_like(" ".join(words[:60]), ("first", 0)) is None
    assert seen.first_like(" ".join(other), ("second", 0)) is None
    assert seen.first_like(" ".join(other), ("third", 0)) == ("second", 0)


def test_only_the_latest_stories_are_kept_where_a_number_is_given() -> None:
    """A run without end needs no memory without end: a story as old as that is forgotten, a later one is still known."""
    seen = Seen(most=3)
    stories = [" ".join(f"w{story}x{word}" for word in range(30)) for story in range(6)]
    for number, story in enumerate(stories):
        assert seen.first_like(story, (str(number), 0)) is None
    assert [seen.first_like(story, ("again", 0)) for story in stories[3:]] == [("3", 0), ("4", 0), ("5", 0)]
    assert seen.first_like(stories[0], ("again", 0)) is None
