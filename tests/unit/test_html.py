"""HTML pages are read as their readers see them."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cutting import HTML_PAGES, html_figures
from models.errors import InputError
from models.html import MAX_NESTING, read_blocks
from models.html_stories import read_stories
from models.pipeline import Document, Form, classify
from models.registry import load_model

PAGES = sorted(HTML_PAGES.glob("*.html"))
RELEASE = load_model(None)


def test_authored_pages_of_real_shapes_are_cut() -> None:
    """Of the stories on 24 pages in the shapes of real sites most are found whole, with their roles; little junk stands in any."""
    figures = html_figures(RELEASE)
    assert figures.f1 >= 0.85
    assert figures.roles >= 0.97
    assert figures.leak <= 0.15


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_offsets_point_into_the_text_that_comes_with_the_result(path: Path) -> None:
    """Spans can be followed in `page`, and never overlap."""
    result = classify(RELEASE, Document(path.read_text(encoding="utf-8"), Form.HTML))
    places = sorted(tuple(span) for segment in result["segments"] for span in segment["spans"])
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(places))
    for segment in result["segments"]:
        assert segment["text"] == "\n".join(result["page"][start:end] for start, end in segment["spans"])


def test_blocks_are_lines() -> None:
    """Inline markup joins, block markup parts, white space folds, entities are decoded."""
    html = "<h1>A late\n frost</h1><p>One</p><div>two &amp; <b>three</b><p>tail</div><ul><li>x<li>y</ul>z"
    assert [block.text for block in read_blocks(html)[1]] == ["A late frost", "One", "two & three", "tail", "x", "y", "z"]


@pytest.mark.parametrize("tag", ["script", "style", "nav", "footer", "form", "template", "noscript"])
def test_what_no_reader_sees_is_left_out(tag: str) -> None:
    """Scripts, forms and navigation are no text."""
    assert [block.text for block in read_blocks(f"<p>kept</p><{tag}>dropped</{tag}>")[1]] == ["kept"]


def test_a_page_nested_beyond_reason_is_refused() -> None:
    """A page made to be slow gets an answer at once, with what to do."""
    with pytest.raises(InputError, match="nests more than"):
        read_blocks("<div>" * (MAX_NESTING + 1))


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=400),
    st.lists(st.sampled_from(["<p>", "</p>", "<a href=/x>", "</a>", "<article>", "<li>", "<h2>", "<td>", "<br>", "<!--", "<"])),
)
def test_no_html_raises(text: str, tags: list[str]) -> None:
    """Whatever a server sends, something is read."""
    read_stories("".join(tag + text for tag in tags) + text)
