"""A summary as one SVG picture for a report: topics over time, by source, and together. White ground, no script."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from service.summary import Summary
from service.terminal import printable

WIDTH, HEIGHT = 960, 760
MAX_TOPICS = 7  # with a colour of their own
MAX_PERIODS, MAX_SOURCES, MAX_TOGETHER = 60, 12, 8
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#9aa0a6")  # the last is all others'
INK, PALE = "#1f2328", "#e3e6ea"


def picture(summary: Summary) -> str:
    """The picture."""
    topics = summary.ranked()[:MAX_TOPICS]
    unit, periods = summary.periods(MAX_PERIODS)
    tagged = summary.documents - sum(summary.reasons.values())
    head = f"{summary.documents:,} documents, {tagged:,} with a topic"
    if periods:
        head += f", {min(summary.days)} to {max(summary.days)}"
    if summary.undated:
        head += f" ({summary.undated:,} without a day)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
            ' role="img" font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12">',
            f"<title>{escape(head)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            _text(24, 34, "Topics in the archive", size=20, bold=True),
            _text(24, 54, head),
            *_legend(summary, topics),
            *_columns(
                summary, topics, f"Documents by topic and {unit}; one with two topics counts under both", periods[-MAX_PERIODS:]
            ),
            *_bars(summary, topics),
            *_together(summary),
            "</svg>\n",
        ]
    )


def _legend(summary: Summary, topics: Sequence[str]) -> list[str]:
    names = [summary.labels[topic] for topic in topics] + ["all others"] * (len(summary.labels) > len(topics))
    parts, x = [], 24.0
    for number, name in enumerate(names):
        colour = COLOURS[number if number < len(topics) else -1]
        parts += [f'<rect x="{x:.0f}" y="68" width="11" height="11" fill="{colour}"/>', _text(x + 16, 78, _fit(name, 22))]
        x += 30 + 6.6 * len(_fit(name, 22))
    return parts


def _columns(summary: Summary, topics: Sequence[str], title: str, periods: Sequence[tuple[str, Counter[str]]]) -> list[str]:
    """Stacked columns over time."""
    left, right, top, bottom = 64, WIDTH - 24, 126, 360
    parts = [_text(24, 112, title, size=14, bold=True)]
    if not periods:
        return [*parts, _text(left, 150, "no document has a day; name its column with --day")]
    most = max(1, *(sum(_stack(summary, topics, counts)) for _, counts in periods))
    for value in _ticks(most):
        y = bottom - (bottom - top) * value / most
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{PALE}"/>')
        parts.append(_text(left - 8, y + 4, f"{value:,}", anchor="end"))
    step = (right - left) / len(periods)
    every = max(1, round(74 / step))
    for number, (first, counts) in enumerate(periods):
        x, y = left + number * step, float(bottom)
        width = min(step * 0.8, 60)
        for colour, n in zip(COLOURS, _padded(_stack(summary, topics, counts)), strict=True):
            height = (bottom - top) * n / most
            y -= height
            parts += _rect(x + (step - width) / 2, y, width, height, colour=colour, told=f"{first}: {n:,}")
        if number % every == 0:
            parts.append(_text(x + step / 2, bottom + 17, first, anchor="middle", size=10))
    return parts


def _bars(summary: Summary, topics: Sequence[str]) -> list[str]:
    """Stacked bars, one a source."""
    left, right, top = 190, 470, 430
    parts = [_text(24, 412, "By source", size=14, bold=True)]
    shown = [each for each in summary.top_sources(MAX_SOURCES) if sum(_stack(summary, topics, each[1]))]
    most = max((sum(_stack(summary, topics, counts)) for _, counts in shown), default=1)
    for number, (source, counts) in enumerate(shown):
        x, y = float(left), top + 25 * number
        parts.append(_text(left - 8, y + 13, _fit(source, 25), anchor="end"))
        for colour, n in zip(COLOURS, _padded(_stack(summary, topics, counts)), strict=True):
            width = (right - left - 50) * n / most
            parts += _rect(x, y, width, 18, colour=colour, told=f"{source}: {n:,}")
            x += width
        parts.append(_text(x + 6, y + 13, f"{sum(_stack(summary, topics, counts)):,}"))
    return parts


def _together(summary: Summary) -> list[str]:
    """The matrix of topics that documents have together; the diagonal is a topic's documents."""
    topics = summary.ranked()[:MAX_TOGETHER]
    left, top, cell = 680, 430, 30
    parts = [_text(510, 412, "Topics together in a document", size=14, bold=True)]
    most = max(summary.pairs.values(), default=1)
    for row, first in enumerate(topics):
        y = top + row * cell
        parts.append(_text(left - 8, y + 19, _fit(summary.labels[first], 24), anchor="end"))
        label = _fit(summary.labels[first], 20)
        x = left + row * cell + 18
        bottom = top + len(topics) * cell + 10
        parts.append(f'<g transform="translate({x} {bottom}) rotate(40)">{_text(0, 0, label, size=10)}</g>')
        for column, second in enumerate(topics[: row + 1]):
            x = left + column * cell
            n = summary.assigned[first] if row == column else summary.pairs[min(first, second), max(first, second)]
            share = 0 if row == column else n / most
            fill = "#f4f5f7" if row == column else f"rgb({_mix(255, 0, share)},{_mix(255, 114, share)},{_mix(255, 178, share)})"
            parts += [f'<rect x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" fill="{fill}" stroke="{PALE}"/>']
            ink = "#ffffff" if share > 0.55 else INK
            parts.append(_text(x + cell / 2 - 1, y + 18, _short(n), anchor="middle", size=9, fill=ink))
    return parts


def _stack(summary: Summary, topics: Sequence[str], counts: Counter[str]) -> list[int]:
    """Counts in the order of the colours, all other topics last."""
    own = [counts[topic] for topic in topics]
    return [*own, sum(n for topic, n in counts.items() if topic) - sum(own)]


def _padded(stack: list[int]) -> list[int]:
    return [*stack[:-1], *[0] * (len(COLOURS) - len(stack)), stack[-1]]


def _rect(x: float, y: float, width: float, height: float, *, colour: str, told: str) -> list[str]:
    if width <= 0 or height <= 0:
        return []
    shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">'
    return [f"{shape}<title>{escape(printable(told))}</title></rect>"]


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, bold: bool = False, fill: str = INK) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"{weight}>'
        + f"{escape(printable(text))}</text>"
    )


def _ticks(most: int) -> list[int]:
    """Round values up to the most, some four of them, and zero."""
    step = 10 ** max(0, len(str(most)) - 1)
    while most // step < 4 and step > 1:
        step = step // 2 if str(step)[0] != "5" else step * 2 // 5
    return list(range(0, most + 1, max(1, step)))


def _short(n: int) -> str:
    return f"{n / 1e6:.1f}M" if n >= 1_000_000 else f"{n / 1e3:.0f}k" if n >= 10_000 else str(n)


def _mix(from_: int, to: int, share: float) -> int:
    return round(from_ + (to - from_) * share)


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
