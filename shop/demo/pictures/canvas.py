"""A small vector canvas over Pillow: antialiased outlines filled with colours and gradients.

Coordinates run from 0 to 100 from the upper left corner, whatever the size in pixels. Every shape is rasterised into a
mask of its own, four times finer than the picture, and scaled down: smooth edges at a fraction of the cost of drawing
the whole picture large.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from shop.demo.pictures.colours import Colour, rgb
from shop.demo.pictures.shapes import Outline

_FINER = 4


@dataclass(frozen=True)
class Gradient:
    """Colours spread evenly over a shape's box: from left to right, or from top to bottom where ``down``."""

    colours: Sequence[str | Colour]
    down: bool = False

    def over(self, size: tuple[int, int]) -> Image.Image:
        strip = _strip(tuple(rgb(colour) for colour in self.colours), self.down)
        return strip.resize(size, Image.Resampling.BILINEAR)


@lru_cache(maxsize=256)
def _strip(colours: tuple[Colour, ...], down: bool) -> Image.Image:
    strip = Image.new("RGB", (1, len(colours)) if down else (len(colours), 1))
    strip.putdata(colours)
    # Twice: the first time gives the outer colours their full width, as the middle ones have.
    return strip.resize((1, 64) if down else (64, 1), Image.Resampling.BILINEAR)


Paint = str | Colour | Gradient


@dataclass(frozen=True)
class Placing:
    """Where a drawing's coordinates come to lie: scaled and turned around its floor point (50, 90), then moved."""

    scale: float = 1
    x: float = 0
    y: float = 0
    turn: float = 0
    mirror: bool = False

    def __call__(self, outline: Outline) -> Outline:
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        result = []
        for px, py in outline:
            dx, dy = (px - 50) * self.scale * (-1 if self.mirror else 1), (py - 90) * self.scale
            result.append((50 + dx * cos - dy * sin + self.x, 90 + dx * sin + dy * cos + self.y))
        return result


class Canvas:
    """A transparent layer to draw on, ``pixels`` wide and high."""

    def __init__(self, pixels: int, placing: Placing | None = None) -> None:
        self.image = Image.new("RGBA", (pixels, pixels))
        self.placing = placing or Placing()
        self._unit = pixels / 100

    def flood(self, paint: Paint) -> None:
        """Cover everything."""
        size = self.image.size
        source = paint.over(size) if isinstance(paint, Gradient) else Image.new("RGB", size, rgb(paint))
        self.image.paste(source)

    def fill(self, outline: Outline, paint: Paint, *, opacity: float = 1, inside: Outline | None = None) -> None:
        """Fill an outline; only the part of it within ``inside``, where that is given."""
        self._paint([outline], paint, opacity=opacity, inside=inside)

    def ring(self, outer: Outline, inner: Outline, paint: Paint, *, opacity: float = 1) -> None:
        """Fill what lies between two outlines."""
        self._paint([outer], paint, opacity=opacity, hole=inner)

    def line(
        self, points: Outline, width: float, paint: Paint, *, opacity: float = 1, inside: Outline | None = None
    ) -> None:
        """Draw a line with round ends and joints."""
        half = width / 2
        pieces: list[Outline] = []
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0) or 1
            nx, ny = (y0 - y1) / length * half, (x1 - x0) / length * half
            pieces.append([(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)])
        pieces += [
            [(x + half * math.cos(k * math.pi / 8), y + half * math.sin(k * math.pi / 8)) for k in range(16)]
            for x, y in points
        ]
        self._paint(pieces, paint, opacity=opacity, inside=inside)

    def soft(
        self, outline: Outline, paint: Colour | str, *, blur: float, opacity: float, inside: Outline | None = None
    ) -> None:
        """Fill an outline with blurred edges: shadows, shine and glow."""
        self._paint([outline], paint, opacity=opacity, inside=inside, blur=blur)

    def _paint(
        self,
        pieces: list[Outline],
        paint: Paint,
        *,
        opacity: float,
        inside: Outline | None = None,
        hole: Outline | None = None,
        blur: float = 0,
    ) -> None:
        placed = [self._pixels(piece) for piece in pieces]
        blur *= self._unit * self.placing.scale
        box = self._box(placed, margin=math.ceil(blur * 3) + 1)
        if box is None:
            return
        # What will be blurred needs no fine edge, and what is large shows its edge less.
        large = (box[2] - box[0]) * (box[3] - box[1]) > self.image.width * self.image.height / 3
        finer = 1 if blur > 2 else _FINER // 2 if large else _FINER
        mask = _mask(placed, box, finer)
        if hole is not None:
            mask = ImageChops.subtract(mask, _mask([self._pixels(hole)], box, finer))
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur))
        if inside is not None:
            mask = ImageChops.multiply(mask, _mask([self._pixels(inside)], box, finer if blur <= 2 else 2))
        if opacity < 1:
            mask = mask.point([round(value * opacity) for value in range(256)])
        size = mask.size
        source = paint.over(size) if isinstance(paint, Gradient) else Image.new("RGB", size, rgb(paint))
        source.putalpha(mask)
        self.image.alpha_composite(source, box[:2])

    def _pixels(self, outline: Outline) -> Outline:
        return [(x * self._unit, y * self._unit) for x, y in self.placing(outline)]

    def _box(self, pieces: list[Outline], *, margin: int) -> tuple[int, int, int, int] | None:
        """Return the whole pixels that the pieces touch, within the picture; None where that is nothing."""
        xs = [x for piece in pieces for x, _ in piece]
        ys = [y for piece in pieces for _, y in piece]
        x0, y0 = max(0, math.floor(min(xs)) - margin), max(0, math.floor(min(ys)) - margin)
        x1 = min(self.image.width, math.ceil(max(xs)) + margin)
        y1 = min(self.image.height, math.ceil(max(ys)) + margin)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _mask(pieces: list[Outline], box: tuple[int, int, int, int], finer: int) -> Image.Image:
    x0, y0, x1, y1 = box
    mask = Image.new("L", ((x1 - x0) * finer, (y1 - y0) * finer))
    draw = ImageDraw.Draw(mask)
    for piece in pieces:
        draw.polygon([((x - x0) * finer, (y - y0) * finer) for x, y in piece], fill=255)
    return mask.reduce(finer) if finer > 1 else mask
