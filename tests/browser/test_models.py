"""Models: what each version is worth, what a retraining found, and switching with a second thought."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from models.cli import wiretag
from models.registry import Registry
from tests.browser.conftest import Open, paste
from tests.running import Running, running

WHO = ["Apiarists", "Mead makers", "Chandlers", "Keepers of skeps", "Smokers of combs"]
WHAT = ["bottled mead", "poured wax candles", "sold royal jelly", "scraped propolis", "fed syrup to drones"]
WHERE = ["in Yarrow", "at Vale Fair", "near Upsall", "on Tern Moor"]
ANGLE = [
    f"{who} {what} {where}. The mead, wax and jelly of the year were praised by all apiarists."
    for who, what, where in itertools.product(WHO, WHAT, WHERE)
]
TAUGHT, ASKED = ANGLE[:80:2], ANGLE[1]


@pytest.fixture(scope="module")
def registry(desk_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    root = tmp_path_factory.mktemp("models") / "registry"
    shutil.copytree(desk_registry.root, root)
    return Registry(root)


@pytest.fixture(scope="module")
def database(registry: Registry) -> str:
    return f"sqlite:///{registry.root.parent}/corrections.db"


@pytest.fixture(scope="module")
def desk_server(registry: Registry, database: str) -> Iterator[Running]:
    log = registry.root.parent / "log"
    with running(log, "--model", str(registry.root), workers="2", database_url=database) as started:
        yield started


def test_from_paste_to_a_better_model(
    open_page: Open, desk: Path, registry: Registry, database: str, desk_server: Running
) -> None:
    """The whole loop before a reader's eyes: a page is cut, a miss is corrected, the night's retraining learns, and the page that
    stayed open tells the new version, what moved, and gives the topic that it missed."""
    before = str(registry.current())
    page = open_page(desk_server)
    paste(
        page, f"{ASKED.split('.')[0]}\n{ASKED} It was a fine year for all of them, and the fair will be held again in spring."
    )
    card = page.locator("#segments .card").first
    expect(card.locator(".why-none")).to_be_visible()
    card.focus()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(card.locator(".state")).to_have_text("Saved ✓")
    for text in TAUGHT:
        assert desk_server.call("/corrections", {"text": text, "topics": ["beekeeping"], "shown": []})[0] == 201
    command = ["retrain", "--registry", str(registry.root), "--corpus", str(desk / "segments.jsonl")]
    done = CliRunner().invoke(wiretag, [*command, "--database", database, "--behaviour", str(desk)])
    assert done.exit_code == 0, done.output
    after = str(registry.current())
    assert after != before
    expect(page.locator("#serving")).to_have_text(after)
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.locator("#classify-status")).to_contain_text(after)
    expect(card.locator(".chip.assigned")).to_contain_text("Beekeeping")
    page.locator("nav").get_by_text("Models").click()
    expect(page.locator("#models-status")).to_contain_text(f"Now serving {after}. 2 versions.")
    ours, theirs = (page.locator(f"#models-list .card[aria-label='{version}']") for version in (after, before))
    expect(ours).to_contain_text("macro F1")
    ours.get_by_role("button", name="Curves and changes").click()
    expect(ours.locator("caption")).to_contain_text(f"{after} was promoted, against {before}")
    expect(ours.locator("td.good", has_text="passed").first).to_be_visible()
    for name in ("Precision and recall", "Reliability"):
        figure = ours.locator(".plot", has_text=name)
        expect(figure).to_have_count(2)  # one a topic
        assert figure.first.locator("path.ours").get_attribute("d").count("L") >= 1
        expect(figure.first.locator("path.theirs")).to_have_count(1)
    expect(ours.locator(".plot", has_text="What more labels bring").locator("circle")).not_to_have_count(0)
    assert page.url.endswith(f"#models?show={after}")
    theirs.get_by_role("button", name="Curves and changes").click()
    expect(theirs.locator(".changes")).to_contain_text("mead")


def test_switching_asks_twice_and_can_be_taken_back(open_page: Open, registry: Registry, desk_server: Running) -> None:
    """Activate and roll back ask first, No changes nothing, and the page tells which version serves after Yes."""
    now, other = str(registry.current()), str(registry.previous())
    page = open_page(desk_server, "models")
    card = page.locator(f"#models-list .card[aria-label='{other}']")
    card.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("heading", name=f"Let {other} serve?")).to_be_visible()
    page.get_by_role("button", name="No", exact=True).click()
    assert registry.current() == now
    card.get_by_role("button", name="Activate").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#models-status")).to_contain_text(f"Switched from {now}. Now serving {other}.")
    expect(page.locator("#serving")).to_have_text(other)
    assert registry.current() == other
    page.get_by_role("button", name=f"Roll back to {now}").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#models-status")).to_contain_text(f"Now serving {now}.")
    assert registry.current() == now


def test_an_address_opens_the_curves_of_a_version(open_page: Open, registry: Registry, desk_server: Running) -> None:
    """Curves can be shown to a colleague by their address."""
    page = open_page(desk_server, f"models?show={registry.current()}")
    expect(page.locator(".plot").first).to_be_visible()


def test_a_damaged_release_is_told_and_cannot_be_activated(open_page: Open, registry: Registry, desk_server: Running) -> None:
    """A folder that is no sound release is listed with its fault, and no button lets it serve."""
    folder = registry.releases / "damaged"
    folder.mkdir()
    try:
        page = open_page(desk_server, "models")
        card = page.locator("#models-list .card[aria-label=damaged]")
        expect(card.locator(".bad")).to_be_visible()
        expect(card.get_by_role("button")).to_have_count(0)
    finally:
        folder.rmdir()
