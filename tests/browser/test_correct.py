"""Correct: one key a topic, and nothing that was set is ever lost."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import EXAMPLE, Open, paste
from tests.running import Running, free_port, running

AFRICA = "African Union sends envoy to border talks"


def _stored(server: Running, headline: str = AFRICA) -> list[list[str]]:
    """The topics of each stored correction of a headline, the newest first."""
    status, answer = server.call("/corrections?limit=200")
    assert status == 200
    return [each["topics"] for each in answer["corrections"] if each["headline"] == headline]


def _classified(page: Page) -> Page:
    paste(page, EXAMPLE)
    expect(page.locator("#segments .card")).to_have_count(3)
    return page


def test_one_key_a_topic_undo_and_next(open_page: Open, server: Running) -> None:
    """Digits set and take topics, u undoes, Enter saves, n goes on; what is stored is what was shown and what was set."""
    page = _classified(open_page(server))
    before = len(_stored(server))
    card = page.locator("#segments .card").nth(1)
    pressed = card.locator(".topic-key[aria-pressed=true]")
    expect(pressed).to_have_text(["3African diplomacy"])
    card.focus()
    page.keyboard.press("4")
    page.keyboard.press("5")
    expect(pressed).to_have_text(["3African diplomacy", "4Sanctions", "5Media freedom"])
    page.keyboard.press("u")
    expect(pressed).to_have_text(["3African diplomacy", "4Sanctions"])
    expect(card.locator(".state")).to_have_text("Not saved.")
    page.keyboard.press("Enter")
    expect(card.locator(".state")).to_have_text("Saved ✓")
    page.keyboard.press("n")
    expect(page.locator("#segments .card").nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(card).to_be_focused()
    stored = _stored(server)
    assert len(stored) == before + 1
    assert stored[0] == ["african_diplomacy", "sanctions"]
    (newest,) = server.call("/corrections?limit=1")[1]["corrections"]
    assert newest["shown"] == ["african_diplomacy"]
    assert newest["model_version"] in page.locator("#classify-status").inner_text()


def test_what_was_set_and_not_saved_outlives_a_reload(open_page: Open, server: Running) -> None:
    """The text and every topic set on its segments are there again after a reload, and after the page is drawn anew."""
    page = _classified(open_page(server))
    page.locator("#segments .card").nth(2).focus()
    page.keyboard.press("1")
    for again in (page.reload, lambda: page.locator("#source").press_sequentially(" ")):
        again()
        expect(page.locator("#segments .card").nth(2).locator(".topic-key[aria-pressed=true]")).to_have_text(
            ["1Korea–Russia military ties"]
        )
    expect(page.locator("#segments .card").nth(2).locator(".state")).to_have_text("Not saved.")


def test_a_correction_outlives_a_server_that_goes_away(open_page: Open, tmp_path: Path) -> None:
    """Saved while no server answers, a correction waits in the browser, is told, and arrives once after a restart and a reload."""
    port = free_port()
    settings = {"workers": "1", "database_url": f"sqlite:///{tmp_path}/corrections.db"}
    with running(tmp_path / "first", port=port, **settings) as first:
        page = _classified(open_page(first))
        first.process.terminate()
        first.process.wait(60)
    card = page.locator("#segments .card").nth(1)
    card.focus()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#outbox")).to_contain_text("1 not saved yet. No answer.")
    expect(card.locator(".state")).to_have_text("On its way.")
    page.locator("#source").press_sequentially(" more")  # cannot be answered either
    expect(page.locator("#classify-problem")).to_contain_text("Nothing is lost")
    with running(tmp_path / "second", port=port, **settings) as second:
        page.reload()
        expect(page.locator("#source")).to_have_value(f"{EXAMPLE} more")
        expect(page.locator("#outbox")).to_be_empty()
        expect(page.locator("#segments .card").nth(1).locator(".state")).to_have_text("Saved ✓")
        assert _stored(second) == [["african_diplomacy", "ukraine_war"]]
    kept = json.loads(page.evaluate("JSON.stringify(localStorage)"))
    assert "African Union" not in str(kept)  # no text stays behind once it was saved


def test_a_refused_correction_says_so_and_stays_until_dropped(open_page: Open, server: Running) -> None:
    """What the service will not take is told with its reason; the reader decides when to let it go."""
    page = _classified(open_page(server))
    page.evaluate(
        "localStorage.setItem('wiretag.outbox', JSON.stringify([{ key: 'a', body: { text: ' ', topics: [] }, fault: null }]))"
    )
    page.reload()
    expect(page.locator("#outbox")).to_contain_text("1 refused")
    page.locator("#outbox").get_by_role("button", name="Drop").click()
    expect(page.locator("#outbox")).to_be_empty()


def test_a_full_storage_loses_nothing(open_page: Open, server: Running) -> None:
    """Where the browser keeps no more, corrections go out all the same."""
    page = _classified(open_page(server))
    page.evaluate(
        "() => { let size = 2 ** 20; while (size > 16) { try { localStorage.setItem(`full${Math.random()}`, 'x'.repeat(size)); } catch { size /= 2; } } }"
    )
    card = page.locator("#segments .card").nth(1)
    card.focus()
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(card.locator(".state")).to_have_text("Saved ✓")
    assert _stored(server)[0] == ["african_diplomacy", "media_freedom"]


@pytest.fixture
def keyed(tmp_path: Path) -> dict[str, str]:
    """A file of keys, and a key of each role."""
    from service.keys import Role, changing_keys, make_key

    path = tmp_path / "keys"
    secrets = {"file": str(path)}
    with changing_keys(path) as keys:
        for role in Role:
            secret, key = make_key(f"the-{role}", role)
            keys.append(key)
            secrets[role] = secret
    return secrets


def _give(page: Page, secret: str) -> None:
    page.locator("#key-button").click()
    page.locator("#key-input").fill(secret)
    page.get_by_role("button", name="Keep").click()


def test_a_session_without_the_role_is_told_and_loses_nothing(open_page: Open, keyed: dict[str, str], tmp_path: Path) -> None:
    """Without a key the page asks for one; a key that may not correct or switch models is told which role is needed; the
    correction waits and is saved under a key that may."""
    settings = {"workers": "1", "database_url": f"sqlite:///{tmp_path}/corrections.db", "keys": keyed["file"]}
    with running(tmp_path / "log", **settings) as server:
        page = open_page(server)
        paste(page, EXAMPLE)
        expect(page.locator("#classify-problem")).to_contain_text("Press Key and give yours")
        page.get_by_role("button", name="Give a key").click()
        page.locator("#key-input").fill(keyed["classify"])
        page.keyboard.press("Enter")
        expect(page.locator("#segments .card")).to_have_count(3)
        page.locator("#segments .card").nth(1).focus()
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        expect(page.locator("#outbox")).to_contain_text("this key has the role classify; this address needs correct")
        page.locator("nav").get_by_text("Review").click()
        expect(page.locator("#review-problem")).to_contain_text("needs correct")
        _give(page, keyed["correct"])
        expect(page.locator("#review-item")).to_contain_text("does not collect")
        expect(page.locator("#outbox")).to_be_empty()
        corrections = server.call("/corrections", Authorization=f"Bearer {keyed['correct']}")[1]["corrections"]
        assert [each["corrected_by"] for each in corrections] == ["the-correct"]
        assert page.evaluate("JSON.stringify(localStorage)").find("wt_") == -1
        assert "wt_" not in page.url
