"""WCAG 2.2 AA by axe-core, in both themes, with content in every view; and what no rule of axe's finds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import EXAMPLE, Open, paste
from tests.running import Running

AXE = Path(os.environ.get("AXE", "axe.min.js"))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: `make test-browser` installs it where npm is"
)


def _violations(page: Page) -> list[dict[str, Any]]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", TAGS)
    assert len(found["passes"]) > 10  # it looked at something
    return [{"rule": each["id"], "at": [node["html"][:120] for node in each["nodes"][:3]]} for each in found["violations"]]


def _evidence(page: Page) -> None:
    paste(page, EXAMPLE)
    expect(page.locator("#segments .card")).to_have_count(3)
    page.locator("#segments .chip").first.click()
    page.locator("#segments .card").nth(1).focus()
    page.keyboard.press("4")


def _trouble(page: Page) -> None:
    page.locator("#source").fill("one\u2028")
    page.locator("#form").select_option("html")
    page.evaluate("() => { document.getElementById('source').value = 'one\\u0000two'; }")
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.locator(".problem")).to_be_visible()


def _key(page: Page) -> None:
    page.locator("#key-button").click()


def _review(page: Page) -> None:
    expect(page.locator("#review-item").locator(".card, .empty")).to_have_count(1)


def _models(page: Page) -> None:
    page.get_by_role("button", name="Curves and changes").first.click()
    page.locator("summary").first.click()
    expect(page.locator(".details")).to_contain_text("No retraining")


def _confirm(page: Page) -> None:
    page.evaluate(
        "() => { document.getElementById('h-confirm').textContent = 'Sure?'; document.getElementById('confirm-dialog').showModal(); }"
    )


def _watch(page: Page) -> None:
    expect(page.locator("#watch-charts")).to_contain_text("Topics given")


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "evidence": ("classify", _evidence),
    "problem": ("classify", _trouble),
    "key": ("classify", _key),
    "review": ("review", _review),
    "models": ("models", _models),
    "confirm": ("models", _confirm),
    "watch": ("watch", _watch),
}


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(open_page: Open, server: Running, state: str, scheme: str) -> None:
    """No view, with content, in either theme, breaks a rule of WCAG 2.2 AA that a program can check."""
    server.call(
        "/classify", {"documents": [{"text": "The council said that the bank had asked about sanctions.", "headline": "Bank"}]}
    )
    view, prepare = STATES[state]
    page = open_page(server, view, color_scheme=scheme, bypass_csp=True)  # axe makes HTML of text, which the policy forbids
    prepare(page)
    assert _violations(page) == []


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_who_wants_no_motion(open_page: Open, server: Running, motion: str, moves: bool) -> None:
    """prefers-reduced-motion is respected."""
    page = open_page(server, reduced_motion=motion)
    duration = page.locator("#key-button").evaluate("(each) => getComputedStyle(each).transitionDuration")
    assert (duration not in ("0s", "")) is moves


HEBREW = "האיחוד האירופי הרחיב את הסנקציות על הבנק"
PAGE = f"""{HEBREW}
הבנק אמר ביום שני כי נכסיו הוקפאו, וכי בעליו יפנו לבית המשפט. הפקידים בבריסל אמרו כי הסנקציות יישארו בתוקף עד סוף השנה הבאה.
Банк под санкциями Евросоюза
Европейский союз в понедельник расширил санкции против банка и заморозил активы его владельцев, сообщили чиновники в Брюсселе.
유럽연합, 은행 제재 확대
유럽연합은 월요일 은행에 대한 제재를 확대하고 소유주의 자산을 동결했다고 브뤼셀의 관리들이 밝혔다.
"""


def test_scripts_of_the_world_run_their_own_way(open_page: Open, server: Running) -> None:
    """A line of Hebrew begins at the right, one of Cyrillic or Hangul at the left, in the original, in cards and in the field; no
    character is lost."""
    page = open_page(server)
    paste(page, PAGE)
    expect(page.locator("#original")).to_contain_text(HEBREW)
    starts = page.evaluate(
        """(lines) => lines.map((line) => {
            const box = document.getElementById("original");
            const walk = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
            for (let node = walk.nextNode(); node; node = walk.nextNode()) {
                const at = node.data.indexOf(line);
                if (at < 0) continue;
                const range = document.createRange();
                range.setStart(node, at);
                range.setEnd(node, at + 1);
                const place = range.getBoundingClientRect();
                const whole = box.getBoundingClientRect();
                return (place.left - whole.left) / whole.width;
            }
            return null;
        })""",
        [HEBREW, "Банк под", "유럽연합, 은행"],
    )
    assert starts[0] > 0.7
    assert starts[1] < 0.2
    assert starts[2] < 0.2
    heading = page.locator("#segments h3", has_text=HEBREW)
    for each in heading.all():
        assert each.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
    assert page.locator("#source").evaluate("(each) => getComputedStyle(each).unicodeBidi") == "plaintext"
