"""Fixtures: Chromium, the real server, and pages that are watched for what must never happen on them.

`make test-browser` brings what these tests need besides the others'; without it they are not collected.
"""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import Running, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE = 20_000  # milliseconds; what is promised comes, on a machine under load a little later
ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "var" / "screenshots"
EXAMPLE = (ROOT / "docs" / "example-page.txt").read_text(encoding="utf-8")
Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The shipped model, with a review queue."""
    folder = tmp_path_factory.mktemp("server")
    with running(folder / "log", workers="2", database_url=f"sqlite:///{folder}/corrections.db", review="on") as started:
        yield started


@pytest.fixture
def open_page(chromium: "Browser") -> Iterator[Open]:
    """Opens a view of a server in a profile of its own. Whatever a test does there: no script of a document's runs, nothing breaks
    the page's policy, no script fails, and no other host is asked."""
    faults: list[str] = []
    contexts = []

    def opened(server: Running, view: str = "classify", **options: Any) -> "Page":
        context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
        page.on("request", lambda request: _same_origin(request.url, server, faults))
        page.on("popup", lambda popup: faults.append(f"window: {popup.url}"))
        page.add_init_script(
            "window.violations = []; document.addEventListener('securitypolicyviolation',"
            " (event) => window.violations.push(event.violatedDirective));"
        )
        page.goto(f"{server.url}/#{view}")
        until(page, "document.title.includes('–')")  # a view is shown
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("[window.violations, window.broken]") == [[], None]
        context.close()
    assert faults == []


def _same_origin(url: str, server: Running, faults: list[str]) -> None:
    if not url.startswith((f"{server.url}/", "data:", "blob:")):
        faults.append(f"asked {url}")


def until(page: "Page", script: str) -> None:
    """Wait until a script says true. Playwright's own wait asks again from within the page, where the policy stops it."""
    for _ in range(PATIENCE // 50):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {script}")


def paste(page: "Page", text: str) -> None:
    """Paste a text into the field, as a person does, and wait for the answer."""
    page.evaluate(
        """(text) => {
            const source = document.getElementById("source");
            source.focus();
            source.select();
            source.dispatchEvent(new ClipboardEvent("paste", { bubbles: true }));
            document.execCommand("insertText", false, text);
        }""",
        text,
    )


def review_card(page: "Page") -> None:
    """Go to a segment to review, as the one annotator that such tests share; looking again where it comes late."""
    from playwright.sync_api import expect

    page.evaluate("() => { sessionStorage.setItem('wiretag.annotator', 'desk'); location.hash = '#review'; }")
    shown = page.locator("#review-item").locator(".card, .empty")
    for _ in range(60):
        expect(shown).to_have_count(1)
        if page.locator("#review-item .card").count():
            return
        page.get_by_role("button", name="Look again").click()
        page.wait_for_timeout(500)
    raise AssertionError("nothing came for review")
