"""The console without a mouse."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models.registry import Registry
from tests.browser.conftest import EXAMPLE, Open, until
from tests.running import Running, running
from tests.two_releases import write_registry


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Running, Registry]]:
    """A server with two releases and a review queue."""
    registry, _, _ = write_registry(tmp_path / "registry")
    settings = {"workers": "1", "review": "on", "database_url": f"sqlite:///{tmp_path}/corrections.db"}
    with running(tmp_path / "log", "--model", str(registry.root), **settings) as server:
        yield server, registry


def _tab(page: Page, to: str, key: str = "Tab") -> None:
    """Press a key until an element has the focus, which is seen."""
    for _ in range(80):
        page.keyboard.press(key)
        if page.evaluate("(to) => document.activeElement.matches(to)", to):
            focused = page.locator(":focus")
            expect(focused).to_be_in_viewport()
            assert focused.evaluate("(each) => getComputedStyle(each).outlineStyle") != "none"
            return
    raise AssertionError(f"no {key} leads to {to}")


def test_all_four_views_by_keyboard_alone(open_page: Open, two: tuple[Running, Registry]) -> None:
    """Classify, look at evidence, correct, undo, go on; review; activate a model with its confirmation; watch."""
    server, registry = two
    page = open_page(server)
    _tab(page, ".skip")
    _tab(page, "#source")
    page.keyboard.insert_text(EXAMPLE)
    expect(page.locator("#segments .card")).to_have_count(3)
    _tab(page, "#segments .card")
    page.keyboard.press("e")
    expect(page.locator("#segments .card").first.locator(".evidence")).to_contain_text("Why Sanctions")
    page.keyboard.press("n")
    page.keyboard.press("4")
    page.keyboard.press("1")
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    expect(page.locator("#segments .card").nth(1).locator(".state")).to_have_text("Saved ✓")
    _tab(page, "#segments .card:nth-child(2) .topic-key")  # buttons work as buttons, too
    page.keyboard.press("Space")
    expect(page.locator("#segments .card:nth-child(2) .topic-key").first).to_have_attribute("aria-pressed", "true")

    _tab(page, "nav a[href='#review']", "Shift+Tab")
    page.keyboard.press("Enter")
    _answer_queue(page, lambda: page.keyboard.press("Enter"))

    before = registry.current()
    _tab(page, "nav a[href='#models']", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#models-list .card")).to_have_count(2)
    _tab(page, "#models-list .card:nth-child(2) button")
    expect(page.locator(":focus")).to_have_text("Activate")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-dialog")).to_be_visible()
    expect(page.locator(":focus")).to_have_text("No")  # the safe answer comes first
    page.keyboard.press("Escape")
    expect(page.locator("#confirm-dialog")).to_be_hidden()
    assert registry.current() == before
    expect(page.locator(":focus")).to_have_text("Activate")  # back where it was
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#models-status")).to_contain_text("Switched from")
    expect(page.locator("#models-status")).to_be_focused()
    assert registry.current() != before

    _tab(page, "nav a[href='#watch']", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#watch-charts")).to_contain_text("Topics given")


def test_a_question_asked_again_at_once_is_answered(open_page: Open, two: tuple[Running, Registry]) -> None:
    """The browser tells late that a dialog was closed, perhaps when it is open again: the answer to come still counts."""
    page = open_page(two[0], "models")
    page.get_by_role("button", name="Activate").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Activate").click()
    page.locator("#confirm-dialog").dispatch_event("close")
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#models-status")).to_contain_text("Switched from")


def _answer_queue(page: Page, answer: Callable[[], None]) -> None:
    """Answer what waits for review until nothing is left; who came too early looks again."""
    done = 0
    item = page.locator("#review-item")
    for _ in range(200):
        expect(item.locator(".card, .empty")).to_have_count(1)
        if item.locator(".card").count():
            expect(item.locator(".card")).to_be_focused()
            answer()
            done += 1
            expect(page.locator("#review-status")).to_contain_text(f"{done} done")
        elif done:
            return
        else:
            _tab(page, "#review-item button")
            page.keyboard.press("Enter")
            page.wait_for_timeout(200)
    raise AssertionError("nothing came for review")


def test_a_key_is_given_by_keyboard(open_page: Open, server: Running) -> None:
    """The dialog takes the focus, Enter keeps the key for this tab alone, Escape gives the focus back."""
    page = open_page(server)
    _tab(page, "#key-button")
    page.keyboard.press("Enter")
    expect(page.locator("#key-input")).to_be_focused()
    page.keyboard.type("wt_something")
    page.keyboard.press("Enter")
    expect(page.locator("#key-button")).to_be_focused()
    until(page, "sessionStorage.getItem('wiretag.key') === 'wt_something'")
    assert page.evaluate("localStorage.getItem('wiretag.key')") is None
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#key-button")).to_be_focused()
