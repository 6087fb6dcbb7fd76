"""Documents that want to be more than text. `open_page` fails a test whose page ran a script, opened a dialog, broke the page's
policy or asked another host."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from models.cli import wiretag
from models.registry import Registry
from tests.browser.conftest import EXAMPLE, Open, paste
from tests.running import Running, running

BREAK = "window.broken = 1; alert(1)"
PAYLOADS = [
    f"<script>{BREAK}</script>",
    f'<img src=x onerror="{BREAK}">',
    f'"><svg/onload="{BREAK}">',
    f"javascript:{BREAK}",
    f"{{{{constructor.constructor('{BREAK}')()}}}} ${{{BREAK}}} <%= 7*7 %> #{{7*7}}",
    f'</textarea></article></script><iframe srcdoc="<script>parent.{BREAK}</script>">',
    f'<a href="javascript:{BREAK}" style="position:fixed;inset:0">all of it</a>',
    "\u202egnp.exe\u202c \u2066isolate \u202d\u202d never closed",
    "<!-- --><base href=//elsewhere.invalid/><meta http-equiv=refresh content='0;url=//elsewhere.invalid'>",
]
NEWS = "The European Union on Monday extended its sanctions on the bank and froze the assets of its owners, officials in Brussels said."


@pytest.mark.parametrize("form", ["page", "text", "html", "auto"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_document_is_only_ever_text(open_page: Open, server: Running, form: str, payload: str) -> None:
    """In headline, source, date and text, whatever the document is read as: it is shown letter by letter, and evidence over it too."""
    page = open_page(server, "classify" if form == "auto" else f"classify?as={form}")
    text = EXAMPLE.replace("African Union sends", f"{payload} African Union sends").replace("Coast Courier", f"Coast {payload}")
    paste(
        page,
        f"<article><h1>{payload}</h1><p>{payload} {NEWS}</p><p>{NEWS}</p></article>"
        if form == "html"
        else f"{text}\n{NEWS} {payload}",
    )
    expect(page.locator("#classify-status")).to_contain_text("by 20")
    if page.locator(".chip.assigned").count():
        page.locator(".chip.assigned").first.click()
        expect(page.locator("mark").first).to_be_visible()
    if form == "text":
        assert payload in (page.locator(".card").text_content() or "")
    assert page.locator("main script, main img, main iframe, main base, main :is(.card, #original) a").count() == 0


@pytest.mark.parametrize(
    "hash_",
    [
        "classify?as=<img src=x onerror=alert(1)>",
        "models?show=<script>alert(1)</script>",
        "__proto__",
        "constructor?a=b",
        "javascript:alert(1)",
    ],
)
def test_an_address_is_only_ever_a_choice(open_page: Open, server: Running, hash_: str) -> None:
    """Whatever stands after the #, one of the four views is shown."""
    page = open_page(server, hash_)
    expect(page.locator("main > section:visible")).to_have_count(1)


@pytest.fixture(scope="module")
def hostile_desk(desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A desk whose topics have hostile names, and a registry with a release of a hostile name."""
    folder = tmp_path_factory.mktemp("hostile")
    topics = folder / "topics.toml"
    label = '<img src=x onerror="window.broken=1">\u202eتسمية'
    topics.write_text(
        "".join(
            f"[[topic]]\nid = '{topic}'\nlabel = '''{label} {topic}'''\ndescription = '''{PAYLOADS[2]}'''\ndefinition = '''{PAYLOADS[0]}'''\n"
            for topic in ("beekeeping", "toll_bridges")
        ),
        encoding="utf-8",
    )
    registry = Registry(folder / "registry")
    arguments = ["train", "--corpus", str(desk / "segments.jsonl"), "--topics", str(topics), "--registry", str(registry.root)]
    done = CliRunner().invoke(wiretag, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    shutil.copytree(registry.folder(registry.versions()[0]), registry.releases / "zz<img src=x onerror=alert(1)>")
    with running(
        folder / "log",
        "--model",
        str(registry.root),
        workers="1",
        review="on",
        database_url=f"sqlite:///{folder}/corrections.db",
    ) as started:
        yield started


def test_names_of_topics_and_releases_are_only_ever_text(open_page: Open, hostile_desk: Running) -> None:
    """What a topics file or a folder says is no more trusted than a document, in any view."""
    hostile_desk.call(
        "/classify",
        {
            "documents": [
                {"document_id": PAYLOADS[1], "text": f"Bees {PAYLOADS[0]} and honey in hive number {n}"} for n in range(20)
            ]
        },
    )
    page = open_page(hostile_desk)
    paste(
        page,
        "The queen bee died in a hive near Hamlow.\nBeekeepers harvested honey, the swarm and the bees were discussed at length.",
    )
    expect(page.locator(".topic-key").first).to_contain_text("<img src=x")
    page.locator(".chip").first.click()
    expect(page.locator(".evidence")).to_contain_text("<img src=x")
    for view, shown in (("review", "#review-status"), ("models", "#models-list"), ("watch", "#watch-charts")):
        page.locator("nav").get_by_text(view.capitalize()).click()
        expect(page.locator(shown)).not_to_be_empty()
    expect(page.locator("#watch-charts")).to_contain_text("<img src=x")
    assert page.locator("main img, main script").count() == 0
