"""Lines over time as SVG, with axes and a legend: enough for a report that opens anywhere and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2")
"""Lines differ by pattern as well as by shade, so that print and colour blindness lose nothing."""
SHADES = ("#1b4965", "#c1440e", "#2f7d32", "#6a4c93", "#8a6d00")
TICKS = 4


@dataclass(frozen=True, slots=True)
class Plot:
    """One diagram."""

    title: str
    unit: str
    lines: Mapping[str, Sequence[float]]
    """Values by name, all as long as `times`."""
    times: Sequence[float]
    """Seconds."""


def svg(plot: Plot) -> str:
    """The diagram as an SVG element."""
    top = max((value for values in plot.lines.values() for value in values), default=0.0) or 1.0
    end = max(plot.times, default=0.0) or 1.0
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">', *_axes(top, end, plot.unit)]
    for index, (name, values) in enumerate(plot.lines.items()):
        points = " ".join(f"{_x(moment, end):.1f},{_y(value, top):.1f}" for moment, value in zip(plot.times, values, strict=True))
        style = f'stroke="{SHADES[index % len(SHADES)]}" stroke-dasharray="{DASHES[index % len(DASHES)]}"'
        parts.append(f'<polyline points="{points}" fill="none" stroke-width="1.6" {style}/>')
        parts.append(_legend(index, name, style))
    return "\n".join([*parts, "</svg>"])


def _axes(top: float, end: float, unit: str) -> list[str]:
    lines = []
    for step in range(TICKS + 1):
        y, x = _y(top * step / TICKS, top), _x(end * step / TICKS, end)
        lines.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(top * step / TICKS)}</text>')
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{end * step / TICKS:.0f} s</text>')
    return [*lines, f'<text x="4" y="{TOP + 4}">{escape(unit)}</text>']


def _legend(index: int, name: str, style: str) -> str:
    x = LEFT + 8 + index * 128
    line = f'<line x1="{x}" y1="{HEIGHT - 6}" x2="{x + 24}" y2="{HEIGHT - 6}" stroke-width="2" {style}/>'
    return f'{line}<text x="{x + 30}" y="{HEIGHT - 2}">{escape(name)}</text>'


def _x(moment: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * moment / end


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _short(value: float) -> str:
    for size, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{word}"
    return f"{value:.3g}"
