"""A summary for people at a terminal."""

from collections import Counter
from collections.abc import Sequence

from service.summary import Summary
from service.terminal import printable

WIDTH = 28  # of the widest bar
MAX_TOPICS, MAX_PERIODS, MAX_SOURCES, MAX_PAIRS = 12, 31, 15, 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


def table(summary: Summary) -> str:
    """The summary as lines of text with bars."""
    without = sum(summary.reasons.values())
    lines = [
        f"{summary.documents:,} documents, {without:,} without a topic"
        + "".join(f", {n:,} {reason}" for reason, n in summary.reasons.most_common()),
        f"{summary.repeats:,} repeat an earlier one, {summary.unusable:,} could not be used, {summary.undated:,} without a day",
    ]
    topics = summary.ranked()
    most = max(summary.assigned.values(), default=0)
    lines += ["", f"{'topic':<32}{'assigned':>10}{'review':>10}"]
    lines += [
        f"{_fit(summary.labels[topic], 32)}{summary.assigned[topic]:>10,}{summary.review[topic]:>10,}  "
        + bar(summary.assigned[topic], most)
        for topic in topics
    ]
    unit, periods = summary.periods(MAX_PERIODS)
    if periods:
        shown = periods[-MAX_PERIODS:]
        lines += ["", *_grid(f"by {unit}", shown, summary, 12)]
    lines += ["", *_grid("by source", summary.top_sources(MAX_SOURCES), summary, 28)]
    if summary.pairs:
        lines += ["", "together"]
        most = max(summary.pairs.values())
        for (first, second), n in sorted(summary.pairs.items(), key=lambda each: (-each[1], each))[:MAX_PAIRS]:
            names = f"{summary.labels.get(first, first)} + {summary.labels.get(second, second)}"
            lines.append(f"{_fit(names, 56)}{n:>10,}  {bar(n, most)}")
    return "\n".join(line.rstrip() for line in lines)


def bar(value: int, most: int) -> str:
    """A bar whose length is the value's share of the most."""
    eighths = round(8 * WIDTH * value / most) if most else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _grid(title: str, rows: Sequence[tuple[str, Counter[str]]], summary: Summary, width: int) -> list[str]:
    """Documents a row, and how many have each of the most frequent topics."""
    topics = summary.ranked()[:MAX_TOPICS]
    heads = "".join(f"{_fit(summary.labels[topic], 14).strip():>15}" for topic in topics)
    lines = [f"{title:<{width}}{'documents':>12}{heads}"]
    for name, counts in rows:
        cells = "".join(f"{counts[topic] or '·':>15}" for topic in topics)
        lines.append(f"{_fit(name, width)}{counts['']:>12,}{cells}")
    return lines


def _fit(text: str, width: int) -> str:
    text = printable(text)
    return f"{text if len(text) < width else text[: width - 2] + '…':<{width}}"
