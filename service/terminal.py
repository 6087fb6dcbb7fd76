"""A result for people at a terminal."""

from typing import Any

import click

_COLOURS = {"assigned": "green", "review": "yellow", "none": "bright_black"}
_WIDTH = 96


def render(result: dict[str, Any]) -> str:
    """A classified document as coloured lines."""
    lines = []
    if not result["segments"]:
        lines += _topics(result)
    for segment in result["segments"]:
        title = segment["headline"] or _shorten(segment["text"])
        margin = " · ".join(part for part in (segment["source"], segment["published"]) if part)
        lines.append(
            click.style(f"{segment['role']:<8}", bold=True) + printable(title) + (f"  ({printable(margin)})" if margin else "")
        )
        if segment["duplicate_of"] is not None:
            lines.append(f"        the same as segment {segment['duplicate_of']}")
        lines += _topics(segment)
    lines += [f"warning: {warning}" for warning in result["warnings"]]
    return "\n".join([*lines, f"model {result['model_version']}"])


def _topics(tags: dict[str, Any]) -> list[str]:
    lines = []
    for topic in tags["topics"]:
        what = click.style(f"{topic['decision']:<9}", fg=_COLOURS[topic["decision"]])
        lines.append(f"        {what}{topic['score']:.2f}  {topic['label']}")
        for found in sorted(topic.get("evidence", ()), key=lambda each: each["start"]):
            lines.append(f"                 {found['contribution']:+.3f}  {printable(found['text'])}")
        if "margin" in topic:
            lines.append(
                f"                 bias {topic['bias']:+.3f}, others {topic['omitted']:+.3f}, margin {topic['margin']:+.3f}"
            )
    if tags["none"]:
        lines.append(f"        no topic ({tags['reason']})")
    return lines


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def printable(text: str) -> str:
    """Text without control characters, which could steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
