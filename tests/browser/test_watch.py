"""Watch: what the service meets, as it meets it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.running import Running, running

NEWS = "The European Union on Monday extended its sanctions on bank number {}, and froze the assets of its owners in zorblax."


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("watch")
    with running(folder / "log", workers="2", database_url=f"sqlite:///{folder}/corrections.db") as started:
        yield started


def test_counts_follow_the_stream(open_page: Open, watched: Running) -> None:
    """Counts by topic and reason, rates, drift and rising words come by themselves, the page being left open."""
    page = open_page(watched, "watch")
    expect(page.locator("#watch-status")).to_contain_text("documents since the start")
    row = page.locator(".bars tr", has_text="Sanctions")
    before = int(row.locator("td.n").first.inner_text())
    documents = [{"text": NEWS.format(n)} for n in range(200)] + [
        {"text": "The cup final was put off because of the rain, the council said."}
    ] * 50
    assert watched.call("/classify", {"documents": documents})[0] == 200
    expect(row.locator("td.n").first).to_have_text(str(before + 200))
    none = page.locator(".bars tr", has_text="below threshold")
    assert int(none.locator("td.n").inner_text()) >= 50
    expect(page.locator(".trend", has_text="Without a topic")).to_contain_text("20 %")
    expect(page.locator("figure.panel", has_text="scores: Sanctions").locator(".badge")).to_have_text("much changed")
    assert page.locator("figure.panel rect.met").count() > 20
    assert page.locator("figure.panel rect.expected").count() > 20
    expect(page.locator(".trend path.ours").first).to_have_attribute("d", re.compile("M.*L"))
    expect(page.locator("section.panel", has_text="Rising words")).to_contain_text("zorblax", timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_read_in_both_themes(open_page: Open, watched: Running, scheme: str) -> None:
    """Bars and axes stand out from their panel by 3 to 1 or more, whichever theme."""
    page = open_page(watched, "watch", color_scheme=scheme)
    expect(page.locator("rect.met").first).to_be_attached()
    contrast = """(what) => {
        const shade = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map((each) => each / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const element = document.querySelector(what);
        const panel = getComputedStyle(element.closest(".panel")).backgroundColor;
        const [one, other] = [shade(getComputedStyle(element).fill), shade(panel)].sort();
        return (other + 0.05) / (one + 0.05);
    }"""
    assert page.evaluate(contrast, "rect.met") > 3
    assert page.evaluate(contrast, "figure.panel svg text") > 4.5
