"""Bad input gets clear words, and costs the reader nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import EXAMPLE, Open, paste
from tests.running import Running

PASTE = """(text) => {
    const carried = new DataTransfer();
    carried.setData("text/plain", text);
    document.getElementById("source").dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: carried }));
}"""


def test_five_megabytes(open_page: Open, server: Running, tmp_path: Path) -> None:
    """A paste or file beyond the limit is told with the limit, and leaves what was there; so does a limit that only the service knows."""
    page = open_page(server)
    paste(page, EXAMPLE)
    expect(page.locator("#segments .card")).to_have_count(3)
    huge = (EXAMPLE * (5_000_000 // len(EXAMPLE) + 1))[:5_000_000]
    (tmp_path / "huge.txt").write_text(huge, encoding="utf-8")
    for enter, name in (
        (lambda: page.evaluate(PASTE, huge), "What you pasted"),
        (lambda: page.locator("#file").set_input_files(tmp_path / "huge.txt"), "huge.txt"),
    ):
        enter()
        expect(page.locator("#classify-problem")).to_contain_text(
            f"{name} has 5,000,000 characters; the service reads at most 1,000,000"
        )
        expect(page.locator("#source")).to_have_value(EXAMPLE)
        expect(page.locator("#segments .card")).to_have_count(3)


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xff\xfe\x00\xd8", "Привет".encode("cp1251")],
    ids=["image", "half", "unnamed"],
)
def test_a_file_that_is_no_text(open_page: Open, server: Running, tmp_path: Path, content: bytes) -> None:
    """A binary file, or a text in a coding that it does not name, is told by its name; what was there before stays."""
    page = open_page(server)
    paste(page, EXAMPLE)
    expect(page.locator("#segments .card")).to_have_count(3)
    path = tmp_path / "page.bin"
    path.write_bytes(content)
    page.locator("#file").set_input_files(path)
    expect(page.locator("#classify-problem")).to_contain_text("page.bin is no text that can be read")
    expect(page.locator("#source")).to_have_value(EXAMPLE)
    expect(page.locator("#segments .card")).to_have_count(3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Menu", "No segment: all of this page looks like junk."),
        ("Sanctions on the bank were extended by the European Union on Monday, officials said.", "Sanctions"),
    ],
)
def test_a_page_of_one_line(open_page: Open, server: Running, text: str, told: str) -> None:
    """A single line is a page, too: a segment, or junk and said so."""
    page = open_page(server)
    paste(page, text)
    expect(page.locator("#segments")).to_contain_text(told)


def test_a_text_of_spaces_is_no_text(open_page: Open, server: Running) -> None:
    """Blank text is not sent."""
    page = open_page(server)
    page.on("request", lambda request: pytest.fail("asked") if request.url.endswith("/classify") else None)
    page.locator("#source").fill("   \n\t ")
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.locator("#classify-status")).to_have_text("Segments appear as soon as there is a text.")


def test_a_character_that_no_text_has(open_page: Open, server: Running) -> None:
    """What the service says of a document is shown as it is, with its place."""
    page = open_page(server)
    page.evaluate("() => { document.getElementById('source').value = 'one\\u0000two'; }")
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.locator("#classify-problem")).to_contain_text("NUL character stands at offset 3")
