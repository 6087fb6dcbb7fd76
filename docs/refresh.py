"""Fill the parts of the documents that come from the program: `make docs`. A test fails when they have drifted.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from models.cli import wiretag
from models.registry import Registry
from models.text import tokens
from models.topics import load_topics
from service.counts import Counts
from service.exposition import Exposition
from service.metrics import Metrics
from service.problem_kinds import table
from service.settings import Settings
from training.card import figure_lines
from training.corpus import CORPUS_DIR, balance, read_segments
from training.features import load_kinds

ROOT = Path(__file__).resolve().parents[1]


def example() -> str:
    """What `wiretag classify docs/example-page.txt` prints."""
    shown = CliRunner().invoke(wiretag, ["classify", str(ROOT / "docs" / "example-page.txt")], catch_exceptions=False)
    return f"```console\n$ wiretag classify docs/example-page.txt\n{shown.output.rstrip()}\n```"


def settings() -> str:
    """The table of settings."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for each in fields(Settings):
        default = f"`{each.default}`" if each.default not in (None, "") else ""
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


NEAR = re.compile(
    "sanction|embargo|tariff|korea|russia|moscow|kremlin|ukrain|africa|journalist|reporter|newspaper|broadcaster|editor|media|"
    r"press\b|ambassador|diplomat",
    re.IGNORECASE,
)


def counts() -> str:
    """What the labelled corpus holds."""
    segments = read_segments([CORPUS_DIR], [topic.id for topic in load_topics()])
    held, kinds = balance(segments), set(load_kinds())
    rows = ["| segments | with |", "|---|---|", *(f"| {n:,} | `{topic}` |" for topic, n in held.topics.items())]
    rows += [f"| {held.several:,} | several topics |", f"| {held.none:,} | none |"]
    quiet = [segment.full_text for segment in segments if not segment.topics]
    near = sum(bool(NEAR.search(text) or kinds & set(tokens(text))) for text in quiet)
    rows += [f"| {near:,} | none, though they use words of a topic or name an African state or a Ukrainian place |"]
    return f"{held.segments:,} segments of {held.groups:,} stories, {held.words:,} words.\n\n" + "\n".join(rows)


def metrics() -> str:
    """The table of what GET /metrics exports."""
    rows = ["| metric | type | labels | what it is |", "|---|---|---|---|"]
    for family in Exposition(Metrics(Counts(1)), Registry().load_current()).collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in family._labelnames)  # type: ignore[attr-defined] # of every family we make
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows)


DOCUMENTS: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "README.md": {"EXAMPLE": example, "SETTINGS": settings, "FIGURES": figures},
    ROOT / "docs" / "errors.md": {"KINDS": table},
    ROOT / "docs" / "metrics.md": {"METRICS": metrics},
    ROOT / "training" / "CORPUS.md": {"COUNTS": counts},
}


def refreshed(path: Path) -> str:
    """A document with every part made anew."""
    text = path.read_text(encoding="utf-8")
    for name, part in DOCUMENTS[path].items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"\n<!-- /{name} -->")
        if not start or not end:
            raise SystemExit(f"{path.name} has no part {name}")
        text = before + start + part() + end + after
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(refreshed(document), encoding="utf-8")
