"""From a telephone to a wall: nothing runs over the edge. The screenshots stay in var/screenshots/."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import EXAMPLE, ROOT, Open, paste
from tests.running import Running

SHOTS = ROOT / "var" / "screenshots"
SIZES = {360: 740, 1400: 900, 3840: 2160}


def _fill(page: Page, view: str) -> None:
    """Content in a view, so that there is something to look at."""
    if view == "classify":
        paste(page, EXAMPLE)
        expect(page.locator("#segments .card")).to_have_count(3)
        page.locator("#segments .chip").first.click()
        page.locator("#segments .card").first.focus()
    elif view == "review":
        expect(page.locator("#review-item").locator(".card, .empty")).to_have_count(1)
    elif view == "models":
        page.get_by_role("button", name="Curves and changes").first.click()
        page.locator("summary").first.click()
    else:
        expect(page.locator("#watch-charts")).to_contain_text("Topics given")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("view", ["classify", "review", "models", "watch"])
def test_no_view_scrolls_sideways(open_page: Open, server: Running, view: str, width: int, scheme: str) -> None:
    """At 360, 1,400 and 3,840 pixels, in both themes, everything is within the width, and text is never tiny."""
    server.call("/classify", {"page": EXAMPLE})
    page = open_page(server, view, viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme)
    _fill(page, view)
    SHOTS.mkdir(parents=True, exist_ok=True)
    path: Path = SHOTS / f"{view}-{width}-{scheme}.png"
    page.screenshot(path=path, full_page=width == 360)
    assert path.stat().st_size > 5_000
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    over = page.evaluate(
        """(width) => [...document.querySelectorAll("main *")]
            .filter((each) => !each.closest(".wide, svg, .skip, dialog") && each.getBoundingClientRect().right > width + 1).map((each) => each.outerHTML.slice(0, 80))""",
        width,
    )
    assert over == []
    small = page.evaluate(
        "Math.min(...[...document.querySelectorAll('main :is(p, td, th, button, dd, dt, li)')].map((each) => parseFloat(getComputedStyle(each).fontSize)))"
    )
    assert small >= 11
