"""Drawings of pots, vases, candles, cushions and clocks."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, is_dark, lighter, mix
from shop.demo.pictures.shapes import ellipse, mirrored, path, rectangle, symmetric, turned
from shop.demo.pictures.tableware import round_body


def plant_pot(canvas: Canvas, colour: str | Colour) -> None:
    for degrees, length, tone in (
        (-58, 0.86, 0.2),
        (56, 0.9, 0.16),
        (-34, 1.02, 0.05),
        (34, 1, 0),
        (-12, 1.12, -0.1),
        (14, 1.06, -0.16),
    ):
        green = darker("#5b8a5e", tone) if tone > 0 else lighter("#5b8a5e", -tone)
        leaf = path("M 50,62 C 42,50 40,34 50,18 C 60,34 58,50 50,62")
        leaf = [(50 + (x - 50) * 0.9, 62 + (y - 62) * length) for x, y in leaf]
        canvas.fill(turned(leaf, degrees, 50, 60), Gradient([lighter(green, 0.18), green, darker(green, 0.14)]))
        canvas.line(turned([(50, 60), (50, 62 - 40 * length)], degrees, 50, 60), 0.5, lighter(green, 0.5), opacity=0.7)
    canvas.fill(ellipse(50, 88, 25, 3.4), darker(colour, 0.3))
    canvas.fill(ellipse(50, 86.6, 25, 3.2), round_body(colour))
    body = symmetric("M 68,62 L 63,87.4 L 50,87.4")
    canvas.fill(body, round_body(colour))
    canvas.soft(rectangle(30, 66, 70, 69), darker(colour, 0.5), blur=1, opacity=0.5, inside=body)
    canvas.fill(rectangle(29, 57.4, 71, 66, 1.4), round_body(colour))
    canvas.fill(ellipse(50, 57.8, 20.6, 2.6), darker("#4b3527", 0.1))
    # The leaves grow out of the earth, in front of the pot's far rim.
    canvas.line(path("M 50,58 C 48,50 47,46 46,42"), 0.9, "#4b7450")
    canvas.soft(rectangle(35, 66, 38, 84, 1), lighter(colour, 0.9), blur=0.8, opacity=0.45, inside=body)


def vase(canvas: Canvas, colour: str | Colour) -> None:
    for top_x, top_y, bloom in ((36, 22, "#d98b6a"), (52, 12, "#e6b85c"), (66, 25, "#c96f5f")):
        canvas.line(path(f"M 50,52 C 49,40 {(top_x + 50) / 2},34 {top_x},{top_y}"), 0.9, "#738a5c")
        for petal in range(9):
            canvas.fill(
                turned(ellipse(top_x, top_y - 4.2, 1.9, 4), petal * 40, top_x, top_y),
                Gradient([lighter(bloom, 0.3), bloom], down=True),
            )
        canvas.fill(ellipse(top_x, top_y, 2.6, 2.6), Gradient(["#8a5a2c", "#5f3b1d"]))
    for leaf in (
        path("M 48,44 C 38,44 34,38 33,34 C 42,34 46,38 48,44"),
        path("M 52,42 C 62,42 64,38 66,34 C 58,34 54,38 52,42"),
    ):
        canvas.fill(leaf, Gradient(["#93a877", "#6d8458"]))
    body = symmetric("M 55,48 C 55,56 71,60 71,73 C 71,84 64,90 58,90 L 50,90")
    canvas.fill(body, round_body(colour))
    for share in (-0.86, -0.66, -0.42, -0.14, 0.14, 0.42, 0.66, 0.86):
        x = 50 + share * 21
        groove = path(
            f"M {50 + share * 5},49 C {50 + share * 5},57 {x},61 "
            f"{x},73 C {x},84 {50 + share * 12},90 {50 + share * 9},90"
        )
        canvas.line(groove, 0.7, darker(colour, 0.3), opacity=0.45, inside=body)
        canvas.line([(px + 0.8, py) for px, py in groove], 0.6, lighter(colour, 0.6), opacity=0.45, inside=body)
    canvas.fill(ellipse(50, 48, 6.6, 1.8), lighter(colour, 0.3))
    canvas.fill(ellipse(50, 48.1, 5, 1.2), darker(colour, 0.5))


def candle(canvas: Canvas, colour: str | Colour) -> None:
    canvas.soft(ellipse(50, 37, 20, 20), "#ffdf9a", blur=6, opacity=0.6)
    glass = symmetric("M 70,44 L 70,86 C 70,89 68,90 65,90 L 50,90")
    canvas.fill(glass, round_body(colour), opacity=0.9)
    canvas.fill(
        symmetric("M 68,54 L 68,84 C 68,87 66,88 63,88 L 50,88"),
        Gradient(["#f0d9b4", "#fff3dc", "#f6e0bb", "#d8b98a"]),
        opacity=0.75,
    )
    canvas.fill(ellipse(50, 54, 18, 4), Gradient(["#fff6e2", "#f3dcb4"]))
    canvas.soft(ellipse(50, 54, 9, 2), "#ffd27a", blur=1.2, opacity=0.8)
    canvas.ring(ellipse(50, 44, 20, 4.8), ellipse(50, 44, 19, 4.1), lighter(colour, 0.6), opacity=0.9)
    canvas.line([(50, 54), (50, 47)], 0.8, "#3b2c26")
    canvas.soft(path("M 50,30 C 55,38 55,46 50,48 C 45,46 45,38 50,30"), "#ffb648", blur=0.6, opacity=0.95)
    canvas.fill(path("M 50,35 C 53,40 53,46 50,47.4 C 47,46 47,40 50,35"), Gradient(["#fff7d6", "#ffe08a"], down=True))
    canvas.fill(rectangle(38, 63, 62, 81, 0.8), "#faf3e6")
    canvas.line([(42, 68), (58, 68)], 1.1, "#3d3430")
    canvas.line([(45, 71.6), (55, 71.6)], 0.5, "#8a7a6c")
    canvas.line(path("M 50,79 C 46,77.4 46,75 50,73.6 C 54,75 54,77.4 50,79"), 0.5, darker(colour, 0.2))
    canvas.soft(rectangle(33, 50, 35.4, 84, 1), "#ffffff", blur=0.6, opacity=0.6, inside=glass)


def cushion(canvas: Canvas, colour: str | Colour) -> None:
    body = path("M 18,30 C 36,34 64,34 82,30 C 78,46 78,72 83,90 C 64,86 36,86 17,90 C 22,72 22,46 18,30")
    canvas.fill(body, Gradient([lighter(colour, 0.3), colour, darker(colour, 0.2)], down=True))
    stripe = mix(lighter(colour, 0.75), "#f6ecd9", 0.5)
    for x, width in ((33, 1.2), (36.4, 3), (39.8, 1.2), (60.2, 1.2), (63.6, 3), (67, 1.2)):
        bend = (x - 50) * 0.12
        canvas.line(path(f"M {x},29 C {x - bend},48 {x - bend},70 {x},92"), width, stripe, opacity=0.9, inside=body)
    canvas.soft(ellipse(43, 50, 20, 13), "#ffffff", blur=5, opacity=0.22, inside=body)
    canvas.soft(
        path("M 17,90 C 36,80 64,80 83,90 C 64,86 36,86 17,90"), darker(colour, 0.7), blur=2.6, opacity=0.6, inside=body
    )
    for fold in (
        path("M 20,33 C 26,38 29,42 30,47"),
        path("M 80,33 C 74,38 71,42 70,47"),
        path("M 20,87 C 25,82 28,79 29,74"),
        path("M 80,87 C 75,82 72,79 71,74"),
    ):
        canvas.soft(
            [*fold, *reversed([(x + 1.2, y + 0.6) for x, y in fold])],
            darker(colour, 0.6),
            blur=0.7,
            opacity=0.5,
            inside=body,
        )
    canvas.line([*body, body[0]], 0.7, darker(colour, 0.25), opacity=0.6)


def clock(canvas: Canvas, colour: str | Colour) -> None:
    canvas.fill(ellipse(50, 54, 35, 35), Gradient(["#e8c896", "#cfa06a", "#a87b48"]))
    canvas.fill(ellipse(50, 54, 32.4, 32.4), Gradient(["#9b7040", "#d6aa74"]))
    canvas.fill(ellipse(50, 54, 31.4, 31.4), Gradient([lighter(colour, 0.3), colour, darker(colour, 0.06)], down=True))
    ink = "#f3ecdf" if is_dark(colour) else "#33363d"
    for hour in range(12):
        long = hour % 3 == 0
        canvas.line(
            turned([(50, 26), (50, 31 if long else 28.4)], hour * 30, 50, 54), 1.3 if long else 0.8, ink, opacity=0.9
        )
    canvas.soft(turned(rectangle(49, 37, 51.6, 57), 306, 51, 55), "#2a2024", blur=0.8, opacity=0.25)
    canvas.line(turned([(50, 57), (50, 38.6)], 305, 50, 54), 2, ink)
    canvas.line(turned([(50, 58), (50, 29.6)], 48, 50, 54), 1.4, ink)
    canvas.line(turned([(50, 61), (50, 28)], 180, 50, 54), 0.5, "#d9653b")
    canvas.fill(ellipse(50, 54, 2, 2), "#d9653b")
    canvas.soft(mirrored(path("M 58,25 C 74,29 80,44 80,54 C 76,40 68,30 58,25")), "#ffffff", blur=1.4, opacity=0.4)
