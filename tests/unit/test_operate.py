"""What docs/operate.md says of the program is so."""

import errno
import os
import re
from dataclasses import fields
from pathlib import Path

import click
import yaml
from flask import Flask

from benchmarks.sizing import HEADER, Row
from models.cli import wiretag
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    """Who is woken follows one link to what to do; no section is left of a rule that has gone."""
    sections = re.findall(r"^### (Wiretag\w+)$", TEXT, re.MULTILINE)
    assert sections == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/operate.md#{rule['alert'].lower()}"
    for section in re.split(r"^##+ ", TEXT.partition("## When an alert comes")[2].partition("\n## ")[0], flags=re.MULTILINE)[
        1:
    ]:
        assert len(section) > 200, section


def test_links_to_sections_lead_to_one() -> None:
    """A link with `#` names a heading that is there, in whichever document."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            named = (path.parent / target if target else path).read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.+)$", named, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, (path.name, anchor)


def test_settings_and_addresses_exist(app: Flask) -> None:
    """No variable and no address that the program does not know."""
    known = {f"WIRETAG_{each.name.upper()}" for each in fields(Settings)}
    known |= {f"WIRETAG_{each.name.upper()}_FILE" for each in fields(Settings) if each.metadata.get("secret")}
    assert set(re.findall(r"\bWIRETAG_[A-Z_]+\b", TEXT)) <= known
    routes = {rule.rule for rule in app.url_map.iter_rules()}
    named = set(re.findall(r"`(?:GET |POST |DELETE )?(/(?!tmp)[a-z/]+)(?:\?\S*)?`", TEXT))
    assert named <= routes, named - routes
    assert "/readyz" in named


def test_commands_exist() -> None:
    """Every `wiretag …` that is told is a command, and its options are."""
    told = set(re.findall(r"(?:`|\$ |&& )wiretag ([a-z][^`\n&#]*)", TEXT))
    assert len(told) > 10
    for line in told:
        command: click.Command = wiretag
        words = line.split()
        while isinstance(command, click.Group) and words:
            found = command.get_command(click.Context(command), words.pop(0))
            assert found, line
            command = found
        options = {each for option in command.params for each in option.opts}
        assert {each for each in words if each.startswith("--")} <= options, line


def test_words_of_the_log_are_the_programs() -> None:
    """Who searches the log for a word of this document finds it where it is written."""
    source = "\n".join(
        path.read_text(encoding="utf-8") for room in ("models", "service") for path in (ROOT / room).rglob("*.py")
    )
    for word in ("model_refused", "model_loaded", "unexpected_error", "keys_refused", "store_unavailable"):
        assert f"`{word}`" in TEXT
        assert f'"{word}"' in source
    rows = TEXT.partition("## It does not start")[2].partition("\n## ")[0]
    told = [part for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE) for part in re.findall(r"`([^`]+)`", row)]
    assert len(told) > 8
    for part in {part.strip("() :") for message in told for part in message.split("…")}:
        assert part in source or part in os.strerror(errno.EADDRINUSE), part


def test_reasons_for_refusals_are_all_explained() -> None:
    """The label of `wiretag_shed_total` is one of those that the document tells."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").glob("*.py"))
    section = TEXT.partition("### WiretagSheds")[2].partition("###")[0]
    reasons = set(re.findall(r'metrics\.shed\("(\w+)"\)', source))
    assert reasons
    assert reasons == set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))))


def test_the_table_of_sizes_is_what_the_benchmark_prints() -> None:
    """Its columns are those of `make bench-sizing`, with a row each for one, two and four workers."""
    table = TEXT.partition("<!-- SIZING -->\n")[2].partition("<!-- /SIZING -->")[0]
    assert table.startswith(HEADER + "\n")
    rows = [line for line in table.removeprefix(HEADER).splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows] == ["1", "2", "4"]
    shape = Row(1, 1, 1, 1, 1, 1, 1, 1, 1).told()
    assert {row.count("|") for row in rows} == {shape.count("|")} == {HEADER.partition("\n")[0].count("|")}
