"""axe-core, which `make test-browser` brings: the rules of WCAG 2.2 AA that a program can check."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(os.environ.get("AXE", "axe.min.js"))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: `make test-browser` installs it where npm is"
)


def violations(page: "Page") -> list[dict[str, Any]]:
    """The rules that a page breaks, and where. The page must have been opened with `bypass_csp`: axe makes HTML of text."""
    page.evaluate("scrollTo(0, 0)")  # else the header hides half of whatever lies under its edge
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", TAGS)
    assert len(found["passes"]) > 10  # it looked at something
    return [{"rule": each["id"], "at": [node["html"][:120] for node in each["nodes"][:3]]} for each in found["violations"]]
