"""What the documents say is true."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from docs.refresh import DOCUMENTS, refreshed
from models.cli import wiretag
from service.app import create_app
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_show_what_the_program_shows(path: Path) -> None:
    """Example, settings, figures and counts are the program's own; `make docs` renews them."""
    assert refreshed(path) == path.read_text(encoding="utf-8")


def test_every_command_and_address_stands_in_the_readme() -> None:
    """A newcomer finds everything that can be called."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = CliRunner().invoke(wiretag, ["--help"]).output.split("Commands:")[1]
    for command in re.findall(r"^  (\w+) ", listed, re.MULTILINE):
        assert f"wiretag {command}" in text
    for rule in create_app(Settings()).url_map.iter_rules():
        assert re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) in text


def test_every_make_target_stands_in_the_readme() -> None:
    """Nobody has to read the Makefile."""
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [target for target in targets if f"`{target}`" not in text and f"make {target}" not in text] == []


def test_links_lead_somewhere() -> None:
    """No document points at a file that is not there."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("training/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_problem_type_is_explained() -> None:
    """The `type` of an error is a place in docs/errors.md."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    named = {kind for path in (ROOT / "service").glob("*.py") for kind in re.findall(r'kind="([a-z-]+)"', path.read_text())}
    assert "busy" in named
    for slug in named:
        assert f"/docs/errors#{slug}" in text
