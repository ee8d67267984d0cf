"""SVG charts; the opaque background is readable on dark pages."""

import statistics
from collections.abc import Sequence
from html import escape

from shop.dev.bench.rounds import Comparison

_LEFT, _BAR, _GAP, _WIDTH, _TOP = 110, 16, 14, 720, 44
_COLOURS = ("#2f6f4f", "#b5562b", "#4a5a8a")


def bars(comparison: Comparison) -> str:
    others = _contestants(comparison)
    groups = [
        (scenario, [(name, sorted(comparison.ratios(scenario, name))) for name in others])
        for scenario in comparison.results
    ]
    longest = max((ratios[-1] for _, group in groups for _, ratios in group if ratios), default=1)
    scale = (_WIDTH - _LEFT - 190) / max(longest, 1.2)
    parts = _frame(comparison.title, height=_TOP + sum(len(group) * _BAR + _GAP for _, group in groups) + 30)
    y = float(_TOP)
    for scenario, group in groups:
        middle = y + len(group) * _BAR / 2 + 4
        parts.append(f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(scenario)}</text>')
        for number, (name, ratios) in enumerate(group):
            parts += _bar(name, ratios, y=y, scale=scale, colour=_COLOURS[number % len(_COLOURS)])
            y += _BAR
        y += _GAP
    one = _LEFT + scale
    parts += [
        f'<line x1="{one:.1f}" x2="{one:.1f}" y1="{_TOP - 6}" y2="{y:.0f}" stroke="#333" stroke-dasharray="3 3"/>',
        f'<text x="{one:.1f}" y="{y + 12:.0f}" text-anchor="middle">1 = {escape(comparison.baseline)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def line(title: str, samples: Sequence[tuple[float, float]], *, unit: str) -> str:
    left, width, height = 60, _WIDTH - 90, 180
    end = max((minutes for minutes, _ in samples), default=1) or 1
    top = max((value for _, value in samples), default=1) * 1.15 or 1
    points = " ".join(
        f"{left + width * minutes / end:.1f},{_TOP + height - height * value / top:.1f}" for minutes, value in samples
    )
    bottom = _TOP + height
    return "\n".join(
        [
            *_frame(title, height=bottom + 40),
            f'<path d="M{left} {_TOP}V{bottom}H{left + width}" fill="none" stroke="#333"/>',
            f'<polyline points="{points}" fill="none" stroke="{_COLOURS[0]}" stroke-width="2"/>',
            f'<text x="{left - 6}" y="{_TOP + 10}" text-anchor="end">{top:.0f} {escape(unit)}</text>',
            f'<text x="{left - 6}" y="{bottom}" text-anchor="end">0</text>',
            f'<text x="{left + width}" y="{bottom + 18}" text-anchor="end">{end:.0f} min</text>',
            "</svg>\n",
        ]
    )


def _frame(title: str, *, height: float) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#fff"/>',
        f'<text x="16" y="24" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]


def _contestants(comparison: Comparison) -> list[str]:
    first = next(iter(comparison.results.values()), {})
    return [name for name in first if name != comparison.baseline]


def _bar(name: str, ratios: list[float], *, y: float, scale: float, colour: str) -> list[str]:
    if not ratios:
        return [f'<text x="{_LEFT + 6}" y="{y + 12:.0f}">{escape(name)}: no round without errors</text>']
    ratio, middle = statistics.median(ratios), y + _BAR / 2 - 1
    return [
        f'<rect x="{_LEFT}" y="{y:.1f}" width="{ratio * scale:.1f}" height="{_BAR - 2}" fill="{colour}"/>',
        f'<line x1="{_LEFT + ratios[0] * scale:.1f}" x2="{_LEFT + ratios[-1] * scale:.1f}" y1="{middle:.1f}" '
        f'y2="{middle:.1f}" stroke="#111"/>',
        f'<text x="{_LEFT + ratios[-1] * scale + 6:.1f}" y="{y + 12:.0f}">{ratio:.2f}: {escape(name)}</text>',
    ]
