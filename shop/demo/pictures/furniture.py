"""Drawings of chairs, tables and shelves."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, lighter, mix
from shop.demo.pictures.shapes import ellipse, path, rectangle, symmetric

_BEECH = "#c99e6c"


def _wood(colour: str | Colour) -> Gradient:
    return Gradient([lighter(colour, 0.28), colour, darker(colour, 0.22)])


def chair(canvas: Canvas, colour: str | Colour) -> None:
    back_leg = darker(colour, 0.24)
    canvas.line(path("M 36,58 L 33,82"), 2.6, back_leg)
    canvas.line(path("M 66,58 L 69,82"), 2.6, back_leg)
    canvas.line([(34.6, 72), (67.6, 72)], 1.4, back_leg)
    for x, top in ((37, 24), (43.4, 22.4), (50, 22), (56.6, 22.4), (63, 24)):
        canvas.line([(x, top), (50 + (x - 50) * 0.9, 58)], 1.3, _wood(colour))
    canvas.line(path("M 30,57 L 30,30 C 31,18 69,18 70,30 L 70,57"), 3.2, _wood(colour))
    canvas.line(path("M 30.2,30 C 31.2,17.6 68,17.8 69.4,28"), 0.8, lighter(colour, 0.5), opacity=0.7)
    seat = path(
        "M 29,56 L 71,56 C 74,58 78,62 78,64.4 C 78,66 76,66.4 "
        "74,66.4 L 26,66.4 C 24,66.4 22,66 22,64.4 C 22,62 26,58 29,56"
    )
    canvas.fill([(x, y + 2.4) for x, y in seat], darker(colour, 0.35))
    canvas.fill(seat, Gradient([lighter(colour, 0.1), lighter(colour, 0.34), colour]))
    canvas.soft(ellipse(50, 62, 17, 2.4), darker(colour, 0.4), blur=1.2, opacity=0.4, inside=seat)
    canvas.line(path("M 27,68 L 24,89"), 3, _wood(colour))
    canvas.line(path("M 73,68 L 76,89"), 3, _wood(colour))
    canvas.line([(25.6, 79), (74.4, 79)], 1.6, _wood(colour))


def armchair(canvas: Canvas, colour: str | Colour) -> None:
    for x, lean in ((27, -2), (73, 2)):
        canvas.line([(x, 80), (x + lean, 89)], 2.8, _wood(_BEECH))
    cloth = Gradient([lighter(colour, 0.2), colour, darker(colour, 0.18)])
    back = symmetric("M 50,20 C 68,20 74,26 74,40 L 74,72 L 50,72")
    canvas.fill(back, Gradient([lighter(colour, 0.24), colour, darker(colour, 0.12)], down=True))
    canvas.soft(ellipse(50, 66, 26, 7), darker(colour, 0.6), blur=2.4, opacity=0.5, inside=back)
    for x in (42, 58):
        canvas.line(path(f"M {x},23 C {x - (50 - x) * 0.1},36 {x},48 {x},60"), 0.5, darker(colour, 0.28), opacity=0.7)
    seat = rectangle(26, 58, 74, 76, 6)
    canvas.fill(rectangle(20, 66, 80, 83, 4), darker(colour, 0.24))
    canvas.fill(seat, Gradient([lighter(colour, 0.3), colour, darker(colour, 0.16)], down=True))
    canvas.line(path("M 30,72.6 C 42,74.4 58,74.4 70,72.6"), 0.5, darker(colour, 0.3), opacity=0.6)
    for arm in (rectangle(13, 48, 29, 83, 7), rectangle(71, 48, 87, 83, 7)):
        canvas.soft([(x + 0.8, y + 0.8) for x, y in arm], darker(colour, 0.7), blur=1.2, opacity=0.35)
        canvas.fill(arm, cloth)
        canvas.soft(ellipse((arm[0][0] + 8), 52, 5, 2), lighter(colour, 0.8), blur=1.2, opacity=0.5, inside=arm)
    pillow = path(
        "M 37,46 C 44,43.6 56,43.6 63,46 C 64.6,52 64.6,58 63,64 C 56,62.4 44,62.4 37,64 C 35.4,58 35.4,52 37,46"
    )
    accent = mix(lighter(colour, 0.7), "#f3e6d2", 0.5)
    canvas.soft([(x + 0.6, y + 1) for x, y in pillow], darker(colour, 0.7), blur=1.2, opacity=0.45)
    canvas.fill(pillow, Gradient([lighter(accent, 0.4), accent, darker(accent, 0.14)], down=True))
    for x in (43, 50, 57):
        canvas.line(path(f"M {x},45 L {x},63"), 0.7, mix(colour, accent, 0.3), opacity=0.8, inside=pillow)


def stool(canvas: Canvas, colour: str | Colour) -> None:
    canvas.line([(50, 46), (50, 84)], 4, darker(_BEECH, 0.3))
    canvas.line([(36, 48), (26, 88.4)], 4.4, _wood(_BEECH))
    canvas.line([(64, 48), (74, 88.4)], 4.4, _wood(_BEECH))
    canvas.line([(31, 69), (69, 69)], 2, _wood(_BEECH))
    canvas.fill(ellipse(50, 45.6, 30, 7), darker(colour, 0.32))
    canvas.fill(rectangle(20, 41, 80, 45.6), darker(colour, 0.2))
    canvas.fill(ellipse(50, 41, 30, 7), Gradient([lighter(colour, 0.38), lighter(colour, 0.1), colour]))
    for radius in (24, 17.6, 11, 5):
        canvas.ring(
            ellipse(50.6, 41, radius, radius * 0.22),
            ellipse(50.6, 41, radius - 0.4, radius * 0.22 - 0.14),
            darker(colour, 0.25),
            opacity=0.35,
        )


def side_table(canvas: Canvas, colour: str | Colour) -> None:
    canvas.fill(symmetric("M 53,46 C 54,62 55,72 58,78 C 62,84 70,86 72,88 C 72,90 68,90 64,90 L 50,90"), _wood(colour))
    canvas.soft(rectangle(46.6, 52, 48.2, 78, 0.6), lighter(colour, 0.8), blur=0.6, opacity=0.5)
    canvas.soft(
        ellipse(50, 50, 16, 4), darker(colour, 0.7), blur=1.4, opacity=0.5, inside=symmetric("M 53,46 L 54,60 L 50,60")
    )
    canvas.fill(symmetric("M 86,44.6 C 80,50 66,52 50,52"), darker(colour, 0.34))
    canvas.fill(ellipse(50, 43, 36.4, 6.6), Gradient([lighter(colour, 0.4), lighter(colour, 0.14), colour]))
    for shift in (-3.4, -1.6, 0.2, 2, 3.6):
        canvas.line(
            path(f"M 14,{43 + shift} C 36,{42 + shift} 62,{44.4 + shift} 86,{43 + shift}"),
            0.25,
            darker(colour, 0.3),
            opacity=0.45,
            inside=ellipse(50, 43, 36, 6.4),
        )
    # A cup and a book, to show how large it is.
    canvas.fill(rectangle(56, 38.4, 76, 41, 0.5), Gradient(["#e8ddca", "#c8b89e"]))
    canvas.fill(rectangle(57, 35.8, 74, 38.6, 0.5), Gradient(["#58798a", "#3f5b69"]))
    canvas.line(path("M 40,34 C 45,33 45,39.6 39,39.6"), 1.2, "#e3ded6")
    canvas.fill(
        path("M 28,32 L 40,32 C 40,38 38.6,41 36,41.4 L 32,41.4 C 29.4,41 28,38 28,32"),
        Gradient(["#d9d4cc", "#fbf9f5", "#d4cec5"]),
    )
    canvas.fill(ellipse(34, 32, 6, 1.4), "#6a4630")


def shelf(canvas: Canvas, colour: str | Colour) -> None:
    for x in (27, 73):
        canvas.line([(x + 0.4, 12), (x + 0.4, 89)], 1.8, darker(colour, 0.35))
    levels = (24, 43, 62, 81)
    for y in levels:
        canvas.fill(rectangle(23, y, 77, y + 2.4, 0.5), Gradient([lighter(colour, 0.3), colour, darker(colour, 0.1)]))
        canvas.soft(rectangle(25, y + 2.4, 75, y + 4), "#3a2a2a", blur=0.7, opacity=0.2)
    spines = ("#b5564a", "#e2c48a", "#4f7180", "#d9d2c5", "#7c8f6a", "#35435a", "#c98e5a")
    for x, y, row in (
        (30, 24, (9, 10.6, 8.4, 11, 9.6)),
        (52, 43, (10, 8.6, 11.4, 9.2, 10.4, 8)),
        (31, 62, (11, 9.4, 10.4, 8.8)),
    ):
        for number, height in enumerate(row):
            cover = spines[(number + round(y)) % len(spines)]
            left = x + number * 3.1
            canvas.fill(
                rectangle(left, y - height, left + 2.8, y, 0.4),
                Gradient([lighter(cover, 0.2), cover, darker(cover, 0.15)]),
            )
            canvas.line([(left + 0.8, y - height + 2), (left + 2, y - height + 2)], 0.35, "#f5ead6", opacity=0.8)
    _small_plant(canvas, 62, 24)
    canvas.fill(
        path("M 32,34 L 41,34 C 43,37 43,41 40,43 L 33,43 C 30,41 30,37 32,34"),
        Gradient(["#e7b5a6", "#d08f7c", "#a96a58"]),
    )
    canvas.fill(rectangle(54, 52, 68, 62, 0.6), Gradient(["#f0e7d8", "#d9c9ae"]))
    canvas.fill(ellipse(61, 57, 3.4, 3.4), "#d9865a")
    canvas.fill(rectangle(30, 72, 52, 81, 1.4), Gradient(["#cdb189", "#a98a5f"]))
    for y in (74.6, 77.4):
        canvas.line([(30.6, y), (51.4, y)], 0.35, "#7d6340", opacity=0.6)
    canvas.fill(ellipse(64, 76.4, 5, 4.8), Gradient(["#7a9aa6", "#4f7180", "#3a5560"]))
    for x in (24, 76):
        canvas.line([(x, 10), (x, 89)], 2.2, _wood(colour))


def _small_plant(canvas: Canvas, x: float, y: float) -> None:
    green = "#5f7f58"
    for dx, top in ((-5, 8), (-2.4, 12), (0.4, 13.4), (3, 11), (5.6, 7)):
        canvas.fill(
            path(
                f"M {x},{y - 4} C {x + dx - 2},{y - top} {x + dx},{y - top - 1} "
                f"{x + dx},{y - top} C {x + dx + 2},{y - top + 2} {x + 1},{y - 5} {x},{y - 4}"
            ),
            Gradient([lighter(green, 0.25), green]),
        )
    canvas.fill(
        path(f"M {x - 4},{y - 5} L {x + 4},{y - 5} L {x + 3},{y} L {x - 3},{y}"), Gradient(["#f3ede2", "#c9bfae"])
    )
