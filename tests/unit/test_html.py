"""HTML to lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.html import html_text


def test_blocks_become_lines_and_inline_markup_does_not() -> None:
    """A paragraph is one line however its words are marked up."""
    html = "<h1>A <b>late</b> frost</h1><p>One<br>two &amp; three</p>tail<div>x<p>y</p>z</div>"
    assert html_text(html).split("\n") == ["A late frost", "One", "two & three", "tail", "x", "y", "z"]


@pytest.mark.parametrize("tag", ["script", "style", "nav", "footer", "form", "button", "noscript", "template"])
def test_what_is_no_text_is_left_out(tag: str) -> None:
    """Code and navigation never reach the classifier."""
    assert html_text(f"<p>kept</p><{tag}>dropped</{tag}>") == "kept"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_nothing_raises(text: str) -> None:
    """Broken markup is repaired, not refused."""
    assert isinstance(html_text(f"<p>{text}<div><"), str)
