"""Line charts with logarithmic axes as small SVG files, readable on light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 66, 150, 50, 52  # room for the axes, the names of the lines and the title
COLOURS = ("#0b6bcb", "#b3530b", "#5b7f1c", "#8a4fb5")
DARK_COLOURS = ("#6cb2ff", "#ffa35c", "#a8d05f", "#cf9df5")
LABEL_HEIGHT = 15

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.grid { stroke: #d5d9de; stroke-width: 1 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through points (x, y), both above zero, x rising."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis: the least and the greatest value, and where on the picture they stand."""

    least: float
    most: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands."""
        span = math.log(self.most) - math.log(self.least)
        return self.start + (self.end - self.start) * ((math.log(value) - math.log(self.least)) / span)


def chart(title: str, x_title: str, y_title: str, lines: Sequence[Line], ticks: Sequence[float] = ()) -> str:
    """The picture. `ticks` are the values named below the x axis; else the powers of ten within it."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_axis = Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y_axis = Axis(10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys))), HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}{_colours(COLOURS)}@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} "
        f".grid {{ stroke: #3d444d }} {_colours(DARK_COLOURS)}}}</style>",
        f'<text class="title" x="{LEFT - 46}" y="22">{escape(title)}</text>',
        f'<text x="{LEFT - 46}" y="{TOP - 10}">{escape(y_title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>',
    ]
    for tick in _powers(y_axis):
        y = y_axis.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    for tick in ticks or _powers(x_axis):
        x = x_axis.at(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{short(tick)}</text>')
    for number, (line, label_y) in enumerate(zip(lines, _label_places(lines, y_axis), strict=True)):
        places = [(x_axis.at(x), y_axis.at(y)) for x, y in line.points]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line s{number}" points="{drawn}"/>')
        parts += [f'<circle class="f{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
        parts.append(f'<text class="f{number}" x="{WIDTH - RIGHT + 10}" y="{label_y + 4:.1f}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def short(value: float) -> str:
    """A number as short as it can be said: 200, 1,024, 10k, 1M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:g}{letter}"
    return f"{value:,g}"


def _colours(colours: Sequence[str]) -> str:
    return " ".join(f".s{n} {{ stroke: {colour} }} .f{n} {{ fill: {colour} }}" for n, colour in enumerate(colours))


def _powers(axis: Axis) -> list[float]:
    """The powers of ten within an axis."""
    powers = range(math.ceil(math.log10(axis.least) - 1e-9), math.floor(math.log10(axis.most) + 1e-9) + 1)
    return [10.0**power for power in powers]


def _label_places(lines: Sequence[Line], axis: Axis) -> list[float]:
    """Where the names stand: at the ends of their lines, pushed apart where two would overlap."""
    ends = [axis.at(line.points[-1][1]) for line in lines]
    places = list(ends)
    last = -math.inf
    for index in sorted(range(len(lines)), key=ends.__getitem__):
        last = places[index] = max(ends[index], last + LABEL_HEIGHT)
    return places
