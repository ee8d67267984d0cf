"""Outlines: lists of points, with curves already broken into short lines."""

import itertools
import math
from collections.abc import Iterable

Point = tuple[float, float]
Outline = list[Point]

_CURVE_STEPS = 28


def ellipse(x: float, y: float, rx: float, ry: float, *, start: float = 0, end: float = 360) -> Outline:
    """An ellipse around (x, y), or its arc from ``start`` to ``end`` in degrees, clockwise from the right."""
    steps = max(8, round(abs(end - start) / 4))
    angles = (math.radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]


def rectangle(x0: float, y0: float, x1: float, y1: float, radius: float = 0) -> Outline:
    """A rectangle, its corners rounded."""
    radius = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    if radius <= 0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    return [
        *ellipse(x0 + radius, y0 + radius, radius, radius, start=180, end=270),
        *ellipse(x1 - radius, y0 + radius, radius, radius, start=270, end=360),
        *ellipse(x1 - radius, y1 - radius, radius, radius, start=0, end=90),
        *ellipse(x0 + radius, y1 - radius, radius, radius, start=90, end=180),
    ]


def path(text: str) -> Outline:
    """An outline in the letters of SVG, absolute only: ``M x,y``, ``L x,y``, ``Q c,d x,y``, ``C a,b c,d x,y``."""
    points: Outline = []
    letter, pending = "M", []
    for word in text.replace(",", " ").split():
        if word.isalpha():
            letter = word
            continue
        pending.append(float(word))
        if len(pending) == {"M": 2, "L": 2, "Q": 4, "C": 6}[letter]:
            corners = list(zip(pending[::2], pending[1::2], strict=True))
            points += corners if letter in "ML" else _curve([points[-1], *corners])
            pending = []
    return points


def _curve(controls: list[Point]) -> Iterable[Point]:
    """The Bézier curve of these control points, without its first point (de Casteljau)."""
    for step in range(1, _CURVE_STEPS + 1):
        share = step / _CURVE_STEPS
        points = controls
        while len(points) > 1:
            points = [
                (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share) for a, b in itertools.pairwise(points)
            ]
        yield points[0]


def mirrored(outline: Outline, x: float = 50) -> Outline:
    """The outline seen in a mirror that stands upright at ``x``."""
    return [(2 * x - px, py) for px, py in outline]


def symmetric(text: str, x: float = 50) -> Outline:
    """A closed outline from its right half, drawn from top to bottom; the left half mirrors it."""
    half = path(text)
    return [*half, *reversed(mirrored(half, x))]


def turned(outline: Outline, degrees: float, x: float = 50, y: float = 50) -> Outline:
    """The outline turned clockwise around (x, y)."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x + (px - x) * cos - (py - y) * sin, y + (px - x) * sin + (py - y) * cos) for px, py in outline]
