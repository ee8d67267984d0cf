"""A chart of a comparison as SVG: how many times the baseline's requests per second, with the range of the rounds."""

from html import escape

from shop.bench.report import median
from shop.bench.rounds import Comparison

_LEFT, _BAR, _GAP, _WIDTH, _TOP = 110, 16, 14, 720, 44
_COLOURS = ("#2f6f4f", "#b5562b", "#4a5a8a")


def svg(comparison: Comparison) -> str:
    """Return the picture; it has its own background, so that it is readable on dark pages, too."""
    others = _contestants(comparison)
    groups = [
        (scenario, [(name, sorted(comparison.ratios(scenario, name))) for name in others])
        for scenario in comparison.results
    ]
    longest = max((ratios[-1] for _, bars in groups for _, ratios in bars if ratios), default=1)
    scale = (_WIDTH - _LEFT - 150) / max(longest, 1.2)
    height = _TOP + sum(len(bars) * _BAR + _GAP for _, bars in groups) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{escape(comparison.title)}</title>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="24" font-size="14" font-weight="bold">{escape(comparison.title)}</text>',
    ]
    y = float(_TOP)
    for scenario, bars in groups:
        middle = y + len(bars) * _BAR / 2 + 4
        parts.append(f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(scenario)}</text>')
        for number, (name, ratios) in enumerate(bars):
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


def _contestants(comparison: Comparison) -> list[str]:
    names = {name for results in comparison.results.values() for name in results}
    first = next(iter(comparison.results.values()), {})
    return [name for name in first if name in names and name != comparison.baseline]


def _bar(name: str, ratios: list[float], *, y: float, scale: float, colour: str) -> list[str]:
    if not ratios:
        return [f'<text x="{_LEFT + 6}" y="{y + 12:.0f}">{escape(name)}: no round without errors</text>']
    ratio, middle = median(ratios), y + _BAR / 2 - 1
    return [
        f'<rect x="{_LEFT}" y="{y:.1f}" width="{ratio * scale:.1f}" height="{_BAR - 2}" fill="{colour}"/>',
        f'<line x1="{_LEFT + ratios[0] * scale:.1f}" x2="{_LEFT + ratios[-1] * scale:.1f}" y1="{middle:.1f}" '
        f'y2="{middle:.1f}" stroke="#111"/>',
        f'<text x="{_LEFT + ratios[-1] * scale + 6:.1f}" y="{y + 12:.0f}">{ratio:.2f} {escape(name)}</text>',
    ]
