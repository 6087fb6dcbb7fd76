"""Fill the parts of the README that come from the program: `make docs`. A test fails when they have drifted.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from models.cli import wiretag
from models.registry import Registry
from service.settings import Settings
from training.card import figure_lines

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def example() -> str:
    """What `wiretag classify docs/example-page.txt` prints."""
    shown = CliRunner().invoke(wiretag, ["classify", str(ROOT / "docs" / "example-page.txt")], catch_exceptions=False)
    return f"```console\n$ wiretag classify docs/example-page.txt\n{shown.output.rstrip()}\n```"


def settings() -> str:
    """The table of settings."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for each in fields(Settings):
        default = "" if each.default is None else f"`{each.default}`"
        rows.append(f"| `WIRETAG_{each.name.upper()}` | {default} | {each.metadata['doc']} |")
    return "\n".join(rows)


def figures() -> str:
    """The figures of the shipped model on its evaluation sets."""
    release = Registry().load_current()
    parts = [f"The shipped model is `{release.version}`; its card lies beside it ({wiretag.name} models show)."]
    for name, measured in release.manifest["evaluation"].items():
        parts.append(f"**{TITLES.get(name, name)}.** " + "\n".join(figure_lines(measured)))
    return "\n\n".join(parts)


TITLES = {
    "held_out_folds": "On held-out folds of our own corpus (easier than real news)",
    "open_set": "On 516 real articles by 136 outlets, half of them chosen to be hard",
    "open_pages": "On 160 pages composed of those articles",
}
PARTS = {"EXAMPLE": example, "SETTINGS": settings, "FIGURES": figures}


def refreshed(text: str) -> str:
    """The README with every part made anew."""
    for name, part in PARTS.items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{README.name} has no part {name}")
        content = part()
        text = pattern.sub(lambda match, content=content: match[1] + content + match[2], text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")
