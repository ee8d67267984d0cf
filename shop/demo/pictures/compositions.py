"""Pictures of a drawing: alone in the studio, with its sisters in other colours, at home on a table, close up."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFilter

from shop.demo.pictures.canvas import Canvas, Gradient, Placing
from shop.demo.pictures.colours import SHADOW, Colour, darker, is_dark, lighter, mix, rgb
from shop.demo.pictures.shapes import Outline, ellipse, path, rectangle

SIDE = 800  # px

Drawing = Callable[[Canvas, str | Colour], None]


@dataclass(frozen=True)
class Subject:
    """A drawing and how it is staged: it stands on the floor, hangs, or lies flat and is seen from above."""

    draw: Drawing
    stance: str = "stands"
    # How wide it is, out of 100: what the pictures with several of them leave for each.
    width: float = 60
    # It stands on the floor of a room, not on a table.
    furnishes: bool = False
    # What the close-up looks at.
    focus: tuple[float, float] = (50, 55)


def studio(subject: Subject, colours: tuple[str, ...]) -> Image.Image:
    """The product alone before a pale wall with a disc in its own colour."""
    wall = _wall_for(colours[0])
    canvas = _backdrop(wall, floor=subject.stance == "stands")
    canvas.fill(ellipse(50, 47, 36, 36), Gradient([lighter(wall, 0.62), lighter(wall, 0.3)], down=True), opacity=0.85)
    _stage(canvas, subject, colours[0], Placing(scale=0.92, y=-3 if subject.stance == "stands" else -4))
    return _finish(canvas)


def together(subject: Subject, colours: tuple[str, ...]) -> Image.Image:
    """The product in its colours, side by side; in one colour, a pair of them."""
    row = colours[:3] if len(colours) > 1 else (colours[0], colours[0])
    wall = _wall_for(row[-1])
    canvas = _backdrop(wall, floor=subject.stance == "stands")
    scale = min(0.74, 98 / (subject.width * len(row)))
    step = min(subject.width * scale, 94 / len(row))
    order = sorted(range(len(row)), key=lambda i: abs(i - (len(row) - 1) / 2), reverse=True)
    for i in order:
        middle = abs(i - (len(row) - 1) / 2) < 0.5
        rise = (-9 if subject.stance == "stands" else -22) + (3 if middle and len(row) > 2 else 0)
        x = (i - (len(row) - 1) / 2) * step
        mirror = len(colours) == 1 and i == 1
        _stage(canvas, subject, row[i], Placing(scale=scale, x=x, y=rise, mirror=mirror))
    return _finish(canvas)


def at_home(subject: Subject, colours: tuple[str, ...]) -> Image.Image:
    """The product in a room, in the light of a window."""
    colour = colours[min(1, len(colours) - 1)]
    wall = mix(_wall_for(colour), "#e9c9a8" if is_dark(colour) else colour, 0.22)
    canvas = Canvas(SIDE)
    canvas.flood(Gradient([lighter(wall, 0.12), wall], down=True))
    for x in (8, 33):
        pane = path(f"M {x},6 L {x + 21},6 L {x + 37},66 L {x + 15},66")
        canvas.soft(pane, "#fff6e0", blur=0.9, opacity=0.3)
    if subject.furnishes:
        _room(canvas, wall)
        placing = Placing(scale=0.8, x=2, y=-1)
    elif subject.stance == "stands":
        wood = rgb("#b98a5c")
        canvas.fill(rectangle(0, 76, 100, 100), Gradient([lighter(wood, 0.22), wood], down=True))
        canvas.fill(rectangle(0, 75.4, 100, 76.4), lighter(wood, 0.45))
        for y, bend in ((80, 0.6), (85, -0.5), (89, 0.8), (94, -0.7), (97.5, 0.4)):
            canvas.line(
                path(f"M -2,{y} C 30,{y + bend} 70,{y - bend} 102,{y + bend}"), 0.25, darker(wood, 0.3), opacity=0.35
            )
        _books(canvas, 14, wall)
        _sprig(canvas, 84)
        placing = Placing(scale=0.74, x=-1, y=-1)
    else:
        placing = Placing(scale=0.8, x=0, y=-11, turn=0 if subject.stance == "hangs" else -8)
    _stage(canvas, subject, colour, placing)
    return _finish(canvas)


def close_up(subject: Subject, colours: tuple[str, ...]) -> Image.Image:
    """A detail, before a deeper tone."""
    colour = colours[0]
    wall = mix(_wall_for(colour), colour, 0.35) if not is_dark(colour) else mix(_wall_for(colour), colour, 0.22)
    canvas = _backdrop(wall, floor=False)
    scale, (x, y) = 1.75, subject.focus
    placing = Placing(scale=scale, x=(50 - x) * scale, y=-40 + (90 - y) * scale)
    _stage(canvas, subject, colour, placing)
    return _finish(canvas)


COMPOSITIONS = {"studio": studio, "together": together, "at home": at_home, "close-up": close_up}


def _wall_for(colour: str | Colour) -> Colour:
    """A quiet ground that lets the colour speak: mint behind "
    "warm ones, apricot behind cool ones, sky behind pale ones."""
    red, green, blue = rgb(colour)
    if min(red, green, blue) > 190:
        ground = "#c9dde6" if red - blue > 18 else "#f3d9c8"
    elif red > blue + 24:
        ground = "#cfe3dc" if red - green > 45 else "#d6dfee"
    else:
        ground = "#f6dcc6" if blue > green else "#f7e3c4"
    return mix(ground, lighter(colour, 0.3), 0.08)


def _backdrop(wall: Colour, *, floor: bool) -> Canvas:
    canvas = Canvas(SIDE)
    canvas.flood(Gradient([lighter(wall, 0.25), wall, darker(wall, 0.05)], down=True))
    if floor:
        canvas.soft(rectangle(-20, 76, 120, 130), darker(wall, 0.1), blur=5, opacity=0.7)
    return canvas


def _stage(canvas: Canvas, subject: Subject, colour: str, placing: Placing) -> None:
    """Draw the subject on a layer of its own, and what it casts below and behind it."""
    layer = Canvas(SIDE, placing)
    subject.draw(layer, colour)
    alpha = layer.image.getchannel("A")
    small = alpha.reduce(4)
    if subject.stance == "stands":
        ground = Canvas(SIDE, placing)
        half = subject.width * 0.46
        ground.soft(ellipse(53, 90, half, 3.2), SHADOW, blur=2.2, opacity=0.34)
        ground.soft(ellipse(50.5, 90.2, half * 0.8, 1.2), SHADOW, blur=0.8, opacity=0.42)
        canvas.image.alpha_composite(ground.image)
        _cast(canvas, small, offset=(26, 10), blur=7, opacity=0.1)
    elif subject.stance == "hangs":
        _cast(canvas, small, offset=(26, 30), blur=7, opacity=0.22)
    else:
        _cast(canvas, small, offset=(10, 16), blur=3, opacity=0.3)
    canvas.image.alpha_composite(layer.image)


def _cast(canvas: Canvas, alpha: Image.Image, *, offset: tuple[int, int], blur: float, opacity: float) -> None:
    """Paint the soft shadow of a layer, from its alpha in a "
    "quarter of the size: blurred, nobody sees the difference."""
    moved = Image.new("L", alpha.size)
    moved.paste(alpha, (offset[0] // 4, offset[1] // 4))
    mask = moved.filter(ImageFilter.GaussianBlur(blur)).point([round(value * opacity) for value in range(256)])
    shadow = Image.new("RGB", canvas.image.size, SHADOW)
    shadow.putalpha(mask.resize(canvas.image.size, Image.Resampling.BILINEAR))
    canvas.image.alpha_composite(shadow)


def _room(canvas: Canvas, wall: Colour) -> None:
    """A floor with a rug, and a picture on the wall."""
    floor = rgb("#c9a57c")
    canvas.fill(rectangle(0, 78, 100, 100), Gradient([lighter(floor, 0.1), lighter(floor, 0.3)], down=True))
    for number in range(9):
        x = number * 14 - 8
        canvas.line([(50 + (x - 50) * 0.8, 78), (50 + (x - 50) * 1.3, 101)], 0.25, darker(floor, 0.3), opacity=0.4)
    canvas.fill(rectangle(0, 75.6, 100, 78.2), lighter(wall, 0.62))
    canvas.fill(rectangle(0, 78.2, 100, 78.7), darker(floor, 0.3), opacity=0.5)
    canvas.fill(ellipse(52, 90.5, 45, 7), mix(wall, "#ffffff", 0.5))
    canvas.ring(ellipse(52, 90.5, 42, 6.2), ellipse(52, 90.5, 40.6, 5.8), mix(wall, "#a0603c", 0.35), opacity=0.7)
    canvas.soft(rectangle(9.8, 15, 29, 41), SHADOW, blur=1.2, opacity=0.25)
    canvas.fill(rectangle(8.6, 13, 28, 39), "#8d6747")
    canvas.fill(rectangle(9.8, 14.2, 26.8, 37.8), "#faf4e8")
    canvas.fill(ellipse(18.3, 23, 4, 4), "#e0a05a")
    canvas.fill(
        path("M 12,34.6 C 15,27 18,27 20,31 C 21,28.6 23,28.6 24.6,34.6"), Gradient(["#7c9a8a", "#4f7180"], down=True)
    )


def _books(canvas: Canvas, x: float, wall: Colour) -> None:
    """A small stack of books."""
    y = 86.0
    for number, (width, height, cover) in enumerate(
        ((19, 4.2, "#8d5b4c"), (16, 3.4, "#e5d6bd"), (17.5, 3.8, "#4f6d7a"))
    ):
        left = x - width / 2 + number % 2 * 1.2
        if not number:
            canvas.soft(ellipse(x + 1, y, width * 0.55, 1.4), SHADOW, blur=1.2, opacity=0.35)
        cover = mix(cover, wall, 0.18)
        canvas.fill(
            rectangle(left, y - height, left + width, y, 0.7),
            Gradient([lighter(cover, 0.15), cover, darker(cover, 0.1)]),
        )
        canvas.fill(rectangle(left + 1.8, y - height + 0.9, left + 2.4, y - 0.9), lighter(cover, 0.5))
        y -= height


def _sprig(canvas: Canvas, x: float) -> None:
    """A sprig in a small glass."""
    stem = rgb("#6d8462")
    for side, top in ((-1, 50), (1, 46), (0, 41)):
        canvas.line(path(f"M {x},80 C {x},70 {x + side * 3},60 {x + side * 6},{top}"), 0.5, stem)
        for step in range(4):
            y = top + step * 6
            lx = x + side * (6 - step * 1.5)
            leaf: Outline = path(
                f"M {lx},{y} C {lx + 4},{y - 5} {lx + 6},{y - 3} "
                f"{lx + 6.4},{y - 5} C {lx + 6},{y} {lx + 3},{y + 1.4} {lx},{y}"
            )
            other = [(2 * lx - px, py) for px, py in leaf]
            canvas.fill(leaf, Gradient([stem, lighter(stem, 0.25)]))
            canvas.fill(other, Gradient([lighter(stem, 0.1), darker(stem, 0.12)]))
    canvas.soft(ellipse(x + 1, 84, 6, 1.3), SHADOW, blur=1, opacity=0.35)
    canvas.fill(rectangle(x - 4.6, 70, x + 4.6, 84, 1.6), "#ffffff", opacity=0.34)
    canvas.fill(rectangle(x - 4.2, 75, x + 4.2, 83.6, 1.4), "#d8e8ea", opacity=0.5)
    canvas.fill(rectangle(x - 3.6, 71, x - 2.6, 82.4, 0.5), "#ffffff", opacity=0.7)


def _finish(canvas: Canvas) -> Image.Image:
    return canvas.image.convert("RGB")


def as_jpeg(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", quality=93)
    return output.getvalue()
