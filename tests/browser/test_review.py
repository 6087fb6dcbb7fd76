"""The review queue, as one and as two people work through it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.running import Running, running, wait_until

STORIES = [
    "The museum of clocks opened its doors again on Saturday, and most of what the flood had touched was saved by its staff.",
    "Rain fell on the valley all week, so the cup final between the two old rivals was put off until the end of the month.",
    "A bakery in the old town has made the same rye bread for ninety years; its owner is now looking for somebody to follow him.",
    "Engineers will replace the lifts of the town hall this summer, which means that visitors have to take the stairs until autumn.",
    "The ferry to the northern islands was late for the third day running because one of its engines would not start in the cold.",
    "Pupils of the village school have planted two hundred apple trees along the road that leads down to the railway station.",
    "An orchestra of amateurs played its first concert in the swimming pool, which had been emptied for repairs in the spring.",
    "Thieves took a granite statue of a walrus from the park on Tuesday night, though it weighs more than a small lorry does.",
]
N = len(STORIES)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Running]:
    """A server with segments that wait for review."""
    path = tmp_path / "corrections.db"
    with running(tmp_path / "log", workers="2", review="on", database_url=f"sqlite:///{path}") as server:
        status, _ = server.call(
            "/classify", {"documents": [{"text": text, "headline": f"Story {n}"} for n, text in enumerate(STORIES)]}
        )
        assert status == 200

        def kept() -> bool:
            try:
                return bool(sqlite3.connect(path).execute("SELECT count(*) FROM review_candidates").fetchone()[0] == N)
            except sqlite3.OperationalError:
                return False

        wait_until(kept)
        yield server


def _headline(page: Page) -> str:
    expect(page.locator("#review-item .card")).to_be_focused()
    return page.locator("#review-item h3").inner_text()


def test_two_annotators_never_get_the_same_item(open_page: Open, queue: Running) -> None:
    """Two people at once answer every segment once between them; each sees progress, and how often they agreed with the model."""
    people = [open_page(queue, "review"), open_page(queue, "review")]
    seen: list[list[str]] = [[], []]
    for _ in range(N):
        for page, mine in zip(people, seen, strict=True):
            if page.locator("#review-item .card").count() == 0:
                continue
            headline = _headline(page)
            assert headline not in mine
            mine.append(headline)
            if len(mine) == 2:
                page.keyboard.press("1")  # disagrees
            page.keyboard.press("Enter")
            expect(page.locator("#review-status")).to_contain_text(f"{len(mine)} done")
            expect(page.locator("#review-item h3", has_text=headline)).to_have_count(0)
            expect(page.locator("#review-item").locator(".card, .empty")).to_have_count(1)
    assert sorted(seen[0] + seen[1]) == [f"Story {n}" for n in range(N)]
    assert min(map(len, seen)) >= 2
    for page, mine in zip(people, seen, strict=True):
        expect(page.locator("#review-status")).to_contain_text(
            f"agreed with the model on {round(100 * (len(mine) - 1) / len(mine))} %"
        )
    people[0].get_by_role("button", name="Look again").click()
    expect(people[0].locator("#review-item")).to_contain_text("Nothing waits for review")
    assert queue.call("/review?annotator=third")[1]["items"] == []


def test_back_next_and_reload(open_page: Open, queue: Running) -> None:
    """u goes back to the segment just answered and its later answer stands; n leaves one for later; a reload loses no place."""
    page = open_page(queue, "review")
    first = _headline(page)
    page.keyboard.press("n")
    expect(page.locator("#review-item h3")).not_to_have_text(first)
    second = _headline(page)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#review-item h3")).not_to_have_text(second)
    _headline(page)
    page.keyboard.press("u")
    expect(page.locator("#review-item h3")).to_have_text(second)
    _headline(page)
    expect(page.locator(".topic-key[aria-pressed=true]")).to_have_count(1)
    page.keyboard.press("2")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.locator("#review-item h3")).not_to_have_text(second)
    expect(page.locator("#review-status")).to_contain_text("1 done")
    expect(page.locator("#outbox")).to_be_empty()
    newest = queue.call("/corrections")[1]["corrections"]
    assert [(each["headline"], each["topics"], each["stands"]) for each in newest] == [
        (second, ["sanctions"], True),
        (second, ["ukraine_war"], False),
    ]
    page.reload()
    mine = _headline(page)
    other = open_page(queue, "review")
    assert _headline(other) != mine


def test_a_service_without_a_queue_says_so(open_page: Open, tmp_path: Path) -> None:
    """Nobody waits for what never comes."""
    with running(tmp_path / "log", workers="1", database_url=f"sqlite:///{tmp_path}/corrections.db") as server:
        expect(open_page(server, "review").locator("#review-item")).to_contain_text("WIRETAG_REVIEW=on")
