"""Drawings of lamps, lit."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, lighter
from shop.demo.pictures.shapes import ellipse, path, rectangle, symmetric, turned
from shop.demo.pictures.tableware import round_body

_GLOW = "#ffdf9a"


def desk_lamp(canvas: Canvas, colour: str | Colour) -> None:
    canvas.soft(path("M 72,40 L 52,92 L 98,92 L 88,36"), _GLOW, blur=4, opacity=0.34)
    metal = Gradient([lighter(colour, 0.25), colour, darker(colour, 0.25)])
    canvas.fill(ellipse(34, 88.6, 18, 3.4), darker(colour, 0.35))
    canvas.fill(ellipse(34, 86.4, 18, 3.4), Gradient([colour, lighter(colour, 0.35), darker(colour, 0.1)]))
    canvas.line([(34, 86), (24, 54)], 2.2, metal)
    canvas.line([(24, 54), (58, 22)], 2.2, metal)
    canvas.line([(35.4, 80), (27.4, 54)], 0.6, darker(colour, 0.3))
    for x, y, radius in ((34, 85.4, 2.6), (24, 54, 3), (58, 22, 2.4)):
        canvas.fill(ellipse(x, y, radius, radius), Gradient(["#f3ead8", "#c9a869", "#8b6c3a"]))
    shade = turned(symmetric("M 56,14 C 60,18 63,26 64,34 L 50,34", 50), -28, 50, 14)
    shade = [(x + 9, y + 6) for x, y in shade]
    mouth = [(x + 9, y + 6) for x, y in turned(ellipse(50, 34, 14, 3.6), -28, 50, 14)]
    canvas.fill(shade, round_body(colour))
    canvas.fill(mouth, Gradient(["#fff3cf", "#ffd97f"]))
    canvas.soft(mouth, "#fff8e0", blur=1.6, opacity=0.8)


def pendant(canvas: Canvas, colour: str | Colour) -> None:
    canvas.soft(symmetric("M 74,58 L 96,112 L 50,112"), _GLOW, blur=6, opacity=0.4)
    canvas.line([(50, -40), (50, 26)], 0.9, "#3a3638")
    canvas.fill(rectangle(46.4, 22, 53.6, 31, 1.6), Gradient(["#a98243", "#ecd29a", "#b58c48", "#7d5c2b"]))
    canvas.fill(symmetric("M 54,30 C 72,32 84,44 85,58 L 50,58"), round_body(colour))
    canvas.soft(
        path("M 30,40 C 22,46 18,52 17.6,57 L 22,57 C 23,50 27,44 34,39"), lighter(colour, 0.9), blur=0.9, opacity=0.5
    )
    canvas.fill(ellipse(50, 58, 35, 6.6), lighter(colour, 0.2))
    inside = ellipse(50, 58.4, 33.4, 5.6)
    canvas.fill(inside, Gradient(["#f2d79a", "#fff6dc", "#f2d79a"]))
    canvas.fill(
        ellipse(50, 59, 8.6, 6.4), "#fffdf4", inside=path("M 0,50 L 100,50 L 100,59 L 84,59 C 84,64 16,64 16,59 L 0,59")
    )
    canvas.soft(ellipse(50, 60.5, 14, 5), "#fff4cf", blur=2.4, opacity=0.9)


def table_lamp(canvas: Canvas, colour: str | Colour) -> None:
    canvas.soft(ellipse(50, 52, 44, 40), _GLOW, blur=8, opacity=0.42)
    canvas.fill(
        symmetric("M 57,44 C 57,64 60,78 66,86 C 67,88.6 64,90 60,90 L 50,90"),
        Gradient(["#f7e3bd", "#fffaf0", "#fff1d6", "#e9c994"]),
    )
    canvas.fill(
        rectangle(30, 87.4, 70, 91),
        darker(colour, 0.1),
        opacity=0.4,
        inside=symmetric("M 57,44 C 57,64 60,78 66,86 C 67,88.6 64,90 60,90 L 50,90"),
    )
    cap = symmetric("M 50,18 C 72,18 88,32 87,47 C 86.6,51 82,52 76,52 L 50,52")
    canvas.fill(cap, round_body(colour))
    canvas.soft(
        path("M 22,42 C 24,33 32,26 42,24 C 34,29 29,36 28,44"),
        lighter(colour, 0.95),
        blur=1.1,
        opacity=0.6,
        inside=cap,
    )
    canvas.soft(ellipse(50, 54, 34, 4), "#ffe2a4", blur=1.8, opacity=0.65, inside=cap)
    canvas.fill(ellipse(50, 17.6, 2.6, 2.2), Gradient(["#f6e3b8", "#c9a24c", "#8f6f33"]))
