"""A dot plot on a logarithmic axis, as an SVG that needs no library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

ROW, LEFT, WIDTH, TOP, MARGIN = 26, 250, 520, 56, 24
COLOURS = ("#b3b3b3", "#6e6e6e", "#7fc6bd", "#00796b")
STYLE = "font: 13px sans-serif; fill: #333"


def dot_plot(
    rows: Sequence[tuple[str, Sequence[float | None]]], names: Sequence[str], unit: str
) -> str:
    """Draw a row of dots for each name on the left.

    Parameters
    ----------
    rows : sequence of (str, sequence of float or None)
        What is measured, and a positive number of each series; None leaves its dot out.
    names : sequence of str
        Up to four series, in the order of the numbers.
    unit : str
        Of the axis.
    """
    values = [value for _, series in rows for value in series if value]
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values))))

    def x(value: float) -> float:
        return LEFT + WIDTH * (math.log10(value) - low) / (high - low)

    bottom = TOP + ROW * len(rows)
    parts = [_legend(names), *_axis(low, high, x, bottom, unit)]
    for k, (name, series) in enumerate(rows):
        y = TOP + ROW * (k + 0.5)
        parts.append(_text(LEFT - 12, y + 4, name, "end"))
        there = [x(value) for value in series if value]
        if there:
            parts.append(_line(min(there), y, max(there), y, "#ccc"))
        parts += [
            f'<circle cx="{x(value):.1f}" cy="{y:.1f}" r="5.5" fill="{colour}">'
            f"<title>{escape(series_name)}: {value:.3g} {unit}</title></circle>"
            for value, colour, series_name in zip(series, COLOURS, names, strict=False)
            if value
        ]
    width, height = LEFT + WIDTH + MARGIN, bottom + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="{STYLE}">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _legend(names: Sequence[str]) -> str:
    step = (LEFT + WIDTH) / len(names)
    return "\n".join(
        f'<circle cx="{MARGIN + k * step:.0f}" cy="20" r="5.5" fill="{colour}"/>'
        + _text(MARGIN + k * step + 12, 24, name, "start")
        for k, (name, colour) in enumerate(zip(names, COLOURS, strict=False))
    )


def _axis(low: int, high: int, x: Callable[[float], float], bottom: float, unit: str) -> list[str]:

    parts = []
    for power in range(low, high + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if value <= 10.0**high:
                parts.append(_line(x(value), TOP, x(value), bottom, "#eee"))
                parts.append(_text(x(value), bottom + 18, f"{value:g}", "middle"))
    return [*parts, _text(LEFT + WIDTH, bottom + 34, unit, "end")]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
