"""Drawings of what lies on a desk: paper, pens, headphones, speakers, keys."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, is_dark, lighter
from shop.demo.pictures.shapes import Outline, ellipse, path, rectangle, symmetric, turned
from shop.demo.pictures.tableware import round_body

_BRASS = Gradient(["#8c6a2c", "#f3dfa8", "#c79c48", "#8c6a2c"])


def notebook(canvas: Canvas, colour: str | Colour) -> None:
    canvas.fill(rectangle(26, 15, 77.4, 90, 2), darker(colour, 0.42))
    for number in range(5):
        canvas.fill(
            rectangle(27, 15.6, 76.6 - number * 0.3, 89.2 - number * 0.3, 1.4), "#fbf6ea" if number % 2 else "#e3dac8"
        )
    canvas.line(path("M 58,86 L 58,95.4 L 59.6,93.6 L 61.2,95.4 L 61.2,86"), 0.9, "#d9a441")
    cover = rectangle(24, 13, 75, 87.6, 2.4)
    canvas.fill(cover, Gradient([lighter(colour, 0.18), colour, darker(colour, 0.1)]))
    canvas.fill(rectangle(24, 13, 30, 87.6), darker(colour, 0.14), opacity=0.7, inside=cover)
    canvas.line([(30.2, 13), (30.2, 87.6)], 0.35, darker(colour, 0.4), opacity=0.7)
    for number in range(26):
        y = 14.4 + number * 2.9
        canvas.line([(24, y), (75, y + 0.3)], 0.2, "#ffffff", opacity=0.1, inside=cover)
    canvas.fill(rectangle(38, 28, 62, 42, 0.8), "#f7efe0")
    canvas.line([(42, 33), (58, 33)], 0.8, darker(colour, 0.35))
    canvas.line([(44, 37), (56, 37)], 0.45, "#a59a8a")
    canvas.fill(
        rectangle(68, 12.6, 70.6, 88, 0.4), Gradient([darker(colour, 0.5), darker(colour, 0.34), darker(colour, 0.55)])
    )
    canvas.soft(path("M 24,13 L 56,13 L 36,87 L 24,87"), "#ffffff", blur=3, opacity=0.12, inside=cover)


def _along(outline: Outline) -> Outline:
    return turned(outline, 40, 50, 50)


def fountain_pen(canvas: Canvas, colour: str | Colour) -> None:
    canvas.line(path("M 12,88 C 20,78 24,94 30,86 C 34,80 36,90 42,86"), 0.8, darker(colour, 0.2), opacity=0.85)
    barrel = Gradient([darker(colour, 0.2), lighter(colour, 0.4), colour, darker(colour, 0.4)])
    canvas.fill(_along(path("M 47,82 L 53,82 L 50.4,96 L 49.6,96")), Gradient(["#b98f3d", "#f7e6b0", "#c79c48"]))
    canvas.line(_along([(50, 86), (50, 95.4)]), 0.3, "#6f5420")
    canvas.fill(_along(ellipse(50, 86, 0.7, 0.7)), "#6f5420")
    canvas.fill(_along(path("M 46,70 L 54,70 L 53.2,83 L 46.8,83")), Gradient(["#22242b", "#5c616e", "#2b2d35"]))
    canvas.fill(_along(rectangle(45.2, 67.6, 54.8, 70.6, 0.5)), _BRASS)
    canvas.fill(_along(path("M 44.6,68 L 55.4,68 L 55,22 C 54.6,14 45.4,14 45,22")), barrel)
    canvas.fill(_along(rectangle(44.6, 40, 55.4, 42, 0.4)), _BRASS)
    canvas.fill(_along(path("M 47.6,12 L 52.4,12 L 53,17 L 47,17")), _BRASS)
    canvas.line(_along([(47.4, 24), (47.2, 64)]), 0.9, "#ffffff", opacity=0.4)
    canvas.fill(
        _along(path("M 56,18 L 58,18 L 57.6,44 C 57.6,46 56,46 56,44")), Gradient(["#f3dfa8", "#c79c48", "#8c6a2c"])
    )


def pencils(canvas: Canvas, colour: str | Colour) -> None:
    tray = rectangle(16, 34, 84, 92, 2.4)
    canvas.fill([(x, y + 1.2) for x, y in tray], darker(colour, 0.35))
    canvas.fill(tray, Gradient([lighter(colour, 0.25), colour], down=True))
    canvas.fill(rectangle(19, 37, 81, 89, 1.4), darker(colour, 0.22))
    crayons = (
        "#c2483d",
        "#dd7b3f",
        "#e6b23f",
        "#b9b84a",
        "#6f9a52",
        "#3f7f68",
        "#3f8aa6",
        "#3d5f9c",
        "#5d4a8c",
        "#94508a",
        "#8a5a3c",
        "#3b3b42",
    )
    for number, crayon in enumerate(crayons):
        left, top = 20.2 + number * 5, 22 + number * 5 % 7 * 0.7
        point = left + 2.4
        canvas.fill(
            path(f"M {left},{top + 12} L {point},{top} L {left + 4.8},{top + 12}"),
            Gradient(["#f0d3a5", "#dcb27c", "#c3935c"]),
        )
        canvas.fill(path(f"M {left + 1.5},{top + 4.6} L {point},{top} L {left + 3.3},{top + 4.6}"), crayon)
        canvas.fill(
            rectangle(left, top + 11.4, left + 4.8, 88),
            Gradient([lighter(crayon, 0.15), lighter(crayon, 0.32), crayon, darker(crayon, 0.25)]),
        )
    canvas.fill(rectangle(16, 66, 84, 92, 2.4), Gradient([lighter(colour, 0.32), lighter(colour, 0.08)], down=True))
    canvas.line([(34, 76), (66, 76)], 1.5, "#4a3f38")
    canvas.line([(41, 81), (59, 81)], 0.7, "#8f8070")


def headphones(canvas: Canvas, colour: str | Colour) -> None:
    band = path("M 23,62 C 17,8 83,8 77,62")
    canvas.line(band, 5.4, Gradient([darker(colour, 0.1), lighter(colour, 0.3), darker(colour, 0.2)]))
    canvas.line(
        path("M 31,30 C 40,14.6 60,14.6 69,30"),
        5.6,
        Gradient([darker(colour, 0.4), darker(colour, 0.22), darker(colour, 0.46)]),
    )
    canvas.line(path("M 34,26 C 42,17.6 54,17 62,21"), 0.8, "#ffffff", opacity=0.4)
    for side in (-1, 1):
        x = 50 + side * 27.6
        canvas.line([(x - side * 0.6, 40), (x - side * 1, 56)], 2.2, Gradient(["#f4f2ee", "#a8a8aa"]))
        inner = rectangle(x - side * 6 - 6, 50, x - side * 6 + 6, 86, 6)
        canvas.fill(inner, Gradient(["#54505a", "#35323b"], down=True))
        for y in range(53, 85, 3):
            canvas.line([(x - side * 6 - 5, y), (x - side * 6 + 5, y)], 0.35, "#7a7480", opacity=0.35, inside=inner)
        shell = rectangle(x - 6.6, 49, x + 6.6, 87, 6.6)
        canvas.fill(
            shell,
            Gradient(
                [lighter(colour, 0.3), colour, darker(colour, 0.25)]
                if side < 0
                else [lighter(colour, 0.2), colour, darker(colour, 0.3)]
            ),
        )
        canvas.soft(rectangle(x - 4.4, 54, x - 2.6, 80, 0.9), "#ffffff", blur=0.8, opacity=0.5, inside=shell)
        canvas.line([(x + 2.4, 62), (x + 2.4, 74)], 0.9, darker(colour, 0.3), opacity=0.7)


def speaker(canvas: Canvas, colour: str | Colour) -> None:
    body = symmetric("M 50,34 C 74,34 84,46 84,62 C 84,80 74,90 60,90 L 50,90")
    canvas.fill(body, round_body(colour))
    for row in range(15):
        y = 40 + row * 3.3
        for column in range(23):
            x = 16.5 + column * 3.1 + row % 2 * 1.55
            canvas.fill(ellipse(x, y, 0.62, 0.62), darker(colour, 0.4), opacity=0.5, inside=body)
    canvas.soft(ellipse(36, 52, 10, 12), "#ffffff", blur=4, opacity=0.28, inside=body)
    canvas.soft(rectangle(14, 84, 86, 94), darker(colour, 0.8), blur=2.4, opacity=0.5, inside=body)
    canvas.fill(ellipse(50, 38, 20, 4), Gradient([darker(colour, 0.5), darker(colour, 0.34)]))
    for x in (42, 50, 58):
        canvas.fill(ellipse(x, 38, 2, 0.7), "#f4efe6", opacity=0.85)
    canvas.line(path("M 82,56 C 92,58 92,70 86,74"), 2, "#a06a3c")


def keyboard(canvas: Canvas, colour: str | Colour) -> None:
    accent = "#e0785a"
    case = rectangle(8, 38, 92, 76, 4)
    canvas.fill([(x, y + 2.4) for x, y in case], darker(colour, 0.5))
    canvas.fill(case, Gradient([lighter(colour, 0.2), colour, darker(colour, 0.1)], down=True))
    canvas.fill(rectangle(11, 41, 89, 73, 2), darker(colour, 0.4))
    light = lighter(colour, 0.14) if is_dark(colour) else "#f8f3e9"
    rows = (
        (1,) * 15,
        (1,) * 13 + (2,),
        (1.5, *(1,) * 12, 1.5),
        (1.75, *(1,) * 11, 2.25),
        (1.25, 1.25, 1.25, 6.25, 1, 1, 1, 1, 1),
    )
    for row, widths in enumerate(rows):
        x, y = 12.0, 42 + row * 6.1
        for number, width in enumerate(widths):
            span = width * 76 / sum(widths)
            edge = number in (0, len(widths) - 1) and row
            key: str | Colour = (
                accent if (row, number) in ((0, 0), (3, len(widths) - 1)) else darker(light, 0.16) if edge else light
            )
            canvas.fill(rectangle(x + 0.3, y + 0.3, x + span - 0.3, y + 5.8, 0.9), darker(key, 0.3))
            canvas.fill(
                rectangle(x + 0.7, y + 0.3, x + span - 0.7, y + 4.8, 0.8), Gradient([lighter(key, 0.2), key], down=True)
            )
            if width == 1:
                canvas.line([(x + 1.6, y + 1.7), (x + 2.5, y + 1.7)], 0.35, darker(key, 0.6), opacity=0.6)
            x += span
