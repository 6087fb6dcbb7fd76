"""What the browser is given, and by whom."""

import re

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Open, until
from tests.running import Running

MOST = 60_000  # bytes of the first load, as served; nothing is compressed


def test_the_first_load_is_small_and_our_own(open_page: Open, server: Running) -> None:
    """Page, style and scripts of the first view are at most 60 KB as served, and every byte comes from this service."""
    page = open_page(server)
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".filter((each) => ['navigation', 'script', 'link', 'css', 'other', 'img'].includes(each.initiatorType)).map((each) => [each.name, each.decodedBodySize])"
    )
    names = [name for name, _ in loaded]
    assert f"{server.url}/console/main.js" in names
    assert f"{server.url}/console/segment.js" in names
    assert f"{server.url}/console/watch.js" not in names  # comes when it is looked at
    assert all(name.startswith(f"{server.url}/") for name in names)
    total = sum(size for _, size in loaded)
    print(f"\nfirst load: {total:,} bytes uncompressed in {len(loaded)} files")
    assert 20_000 < total <= MOST


@pytest.mark.parametrize("view", ["review", "models", "watch"])
def test_every_view_is_within_the_bound_together_with_the_first(open_page: Open, server: Running, view: str) -> None:
    """Who opens another view at once loads that one's scripts besides, and still stays within the bound."""
    page = open_page(server, view)
    until(page, f"performance.getEntriesByType('resource').some((each) => each.name.endsWith('/{view}.js'))")
    total = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource').filter((each) => each.name.includes('/console/'))]"
        ".reduce((sum, each) => sum + each.decodedBodySize, 0)"
    )
    assert total <= MOST


def test_the_policy_admits_nothing_inline(server: Running) -> None:
    """Scripts and styles are files of the service; no script may make HTML of a text, and no page may frame this one."""
    with server.client() as client:
        client.request("GET", "/")
        answer = client.getresponse()
        page, policy = answer.read().decode(), answer.getheader("Content-Security-Policy") or ""
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "<style" not in page
    assert " style=" not in page
    assert re.search(r"\son\w+=", page) is None


def test_a_script_that_makes_html_of_text_is_stopped(chromium: Browser, server: Running) -> None:
    """The browser itself refuses what our scripts must not do."""
    with chromium.new_page() as page:
        page.goto(server.url)
        assert page.evaluate(
            "() => { try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return false; } catch { return true; } }"
        )
