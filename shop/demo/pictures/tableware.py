"""Drawings of what stands on a table: cups, pots, bowls, bottles."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, lighter, mix
from shop.demo.pictures.shapes import ellipse, path, rectangle, symmetric


def round_body(colour: str | Colour) -> Gradient:
    """The light on something round: from the left, with a bright band and a shaded right side."""
    light, shade = lighter(colour, 0.35), darker(colour, 0.28)
    return Gradient([darker(colour, 0.1), light, lighter(colour, 0.12), colour, darker(colour, 0.12), shade])


def mug(canvas: Canvas, colour: str | Colour) -> None:
    shade = darker(colour, 0.2)
    handle = path("M 70,46 C 92,42 92,78 68,76")
    canvas.line(handle, 6.4, Gradient([colour, shade]))
    canvas.line(path("M 70,45.2 C 91,41.5 91.5,60 88,66"), 1.6, lighter(colour, 0.35), opacity=0.7)
    body = symmetric("M 74,36 L 73.6,74 C 73.4,84 70,90 62,90 L 50,90")
    canvas.fill(body, round_body(colour))
    # The bare foot, and the glaze that stops above it.
    canvas.fill(rectangle(20, 86.4, 80, 91), Gradient(["#c9a98a", "#e3c9ab", "#b08d6e"]), inside=body)
    canvas.fill(
        path("M 20,80 L 80,80 L 80,86 Q 68,88.4 58,86.4 Q 46,84.4 36,87 Q 28,88 20,86"), round_body(colour), inside=body
    )
    canvas.soft(rectangle(31, 42, 35, 78, 2), lighter(colour, 0.9), blur=0.9, opacity=0.55, inside=body)
    canvas.fill(ellipse(50, 36, 24, 6.4), lighter(colour, 0.3))
    canvas.fill(ellipse(50, 36.2, 21.8, 5.1), Gradient([darker(colour, 0.45), darker(colour, 0.2)]))
    canvas.fill(ellipse(50, 38.2, 18.6, 3.4), Gradient(["#4a2c1c", "#7a4a2c"]), inside=ellipse(50, 36.2, 21.8, 5.1))


def espresso_cup(canvas: Canvas, colour: str | Colour) -> None:
    canvas.fill(ellipse(50, 84.5, 37, 7.4), darker(colour, 0.22))
    canvas.fill(ellipse(50, 82.6, 37, 7.2), Gradient([lighter(colour, 0.3), colour, darker(colour, 0.1)]))
    canvas.fill(ellipse(50, 82.8, 26, 4.6), Gradient([darker(colour, 0.16), colour]))
    canvas.soft(ellipse(53, 83, 20, 3.4), darker(colour, 0.5), blur=1.2, opacity=0.45)
    canvas.line(path("M 68,55 C 84,52 84,70 66,71"), 4.6, Gradient([colour, darker(colour, 0.2)]))
    body = symmetric("M 70,48 C 70,66 66,80 58,82.6 L 50,83.2")
    canvas.fill(body, round_body(colour))
    canvas.soft(
        path("M 34,53 C 34,64 37,72 41,77 L 44,77 C 39,70 37.6,62 37.6,53"),
        lighter(colour, 0.9),
        blur=0.8,
        opacity=0.6,
        inside=body,
    )
    canvas.fill(ellipse(50, 48, 20, 5.2), lighter(colour, 0.35))
    canvas.fill(ellipse(50, 48.2, 18, 4.1), darker(colour, 0.4))
    canvas.fill(
        ellipse(50, 49.4, 16, 3.1), Gradient(["#6a3b1f", "#b9793f", "#8a5328"]), inside=ellipse(50, 48.2, 18, 4.1)
    )
    canvas.line(path("M 18,80.6 C 24,79.4 27,80 31,81.6"), 1.7, Gradient(["#e6e2dc", "#a9a5a2"]))
    canvas.fill(ellipse(15.6, 80.8, 4.2, 1.9), Gradient(["#f4f1ec", "#b6b2ae"]))


def kettle(canvas: Canvas, colour: str | Colour) -> None:
    steel = Gradient([darker(colour, 0.1), lighter(colour, 0.3), colour, darker(colour, 0.3)])
    canvas.line(path("M 33,80 C 20,78 24,60 17,48 C 15,44 12,43 8.5,43"), 3.8, steel)
    canvas.line(path("M 32,78.4 C 21,76 24.6,60 17.6,47.4"), 1, lighter(colour, 0.5), opacity=0.6)
    canvas.line(path("M 66,50 C 78,40 92,42 90,54 L 87,76"), 2.4, darker(colour, 0.25))
    canvas.line(path("M 89.8,52 L 87,76"), 5, Gradient(["#b98250", "#8c5a34"]))
    body = symmetric("M 66,48 L 76,84 C 77,88 75,90 71,90 L 50,90")
    canvas.fill(body, round_body(colour))
    canvas.soft(path("M 38,54 L 33,84 L 37,84 L 41,54"), lighter(colour, 0.9), blur=1, opacity=0.5, inside=body)
    canvas.fill(path("M 20,85 L 80,85 L 80,90 L 20,90"), darker(colour, 0.4), opacity=0.35, inside=body)
    canvas.fill(ellipse(50, 48, 16, 3.6), lighter(colour, 0.25))
    canvas.fill(symmetric("M 63,47.6 C 62,42.4 56,41 50,41"), round_body(colour))
    canvas.fill(rectangle(48.4, 37, 51.6, 42), darker(colour, 0.3))
    canvas.fill(ellipse(50, 36, 4, 3.4), Gradient(["#c48e5b", "#8c5a34"]))


def teapot(canvas: Canvas, colour: str | Colour) -> None:
    canvas.fill(
        path("M 30,78 C 18,76 17,60 8,53 L 13,50 C 23,56 24,62 34,62"),
        Gradient([lighter(colour, 0.1), colour, darker(colour, 0.2)]),
    )
    canvas.line(path("M 74,56 C 94,50 94,82 71,80"), 5, Gradient([colour, darker(colour, 0.25)]))
    body = symmetric("M 58,48 C 72,49 80,58 80,69 C 80,81 70,88 61,90 L 50,90")
    canvas.fill(body, round_body(colour))
    canvas.soft(
        path("M 30,58 C 25,66 26,76 32,82 C 29,74 30,66 36,57"),
        lighter(colour, 0.95),
        blur=1.2,
        opacity=0.6,
        inside=body,
    )
    canvas.fill(ellipse(50, 49, 15, 3.4), darker(colour, 0.3))
    canvas.fill(symmetric("M 64,48.4 C 62,43.4 56,42 50,42"), round_body(colour))
    canvas.fill(ellipse(50, 39.6, 3.6, 3.4), Gradient([lighter(colour, 0.3), colour, darker(colour, 0.2)]))
    canvas.fill(rectangle(36, 88.6, 64, 91, 1), darker(colour, 0.35), inside=rectangle(38, 87, 62, 90.6, 1))


def bottle(canvas: Canvas, colour: str | Colour) -> None:
    body = symmetric("M 57,26 C 57,32 66,33 66,42 L 66,86 C 66,89 64,90 61,90 L 50,90")
    canvas.fill(body, round_body(colour))
    canvas.soft(rectangle(38.6, 42, 41, 85, 1.2), lighter(colour, 0.95), blur=0.7, opacity=0.7, inside=body)
    canvas.fill(rectangle(30, 86.6, 70, 91), Gradient(["#8d8f93", "#e9e9e7", "#b5b6b8", "#77797e"]), inside=body)
    canvas.fill(rectangle(42.6, 24.6, 57.4, 27.6, 1), Gradient(["#8d8f93", "#f1f1ef", "#b5b6b8", "#77797e"]))
    canvas.fill(rectangle(42, 12, 58, 25, 2), Gradient(["#b98a57", "#e0ba86", "#cfa06a", "#94683e"]))
    for y in (15.4, 18.4, 21.4):
        canvas.line([(42.6, y), (57.4, y)], 0.4, "#8c6238", opacity=0.55)
    mark = mix(colour, "#ffffff", 0.75)
    canvas.line(path("M 46,62 L 49,56 L 51.4,60 L 52.8,58 L 55.6,62"), 0.9, mark, opacity=0.9)


def bowl(canvas: Canvas, colour: str | Colour) -> None:
    body = symmetric("M 87,56 C 85,76 70,87 62,88 L 61,90 L 50,90")
    canvas.fill(body, round_body(colour))
    for number in range(46):
        x, y = 18 + number * 37 % 65, 62 + number * 23 % 25
        canvas.fill(ellipse(x, y, 0.35 + number % 3 * 0.12, 0.35), darker(colour, 0.45), opacity=0.55, inside=body)
    canvas.soft(
        path("M 20,64 C 24,74 31,81 38,84 L 42,84 C 32,78 27,71 25,63"),
        lighter(colour, 0.9),
        blur=1,
        opacity=0.5,
        inside=body,
    )
    canvas.fill(ellipse(50, 56, 37, 9.4), lighter(colour, 0.35))
    inner = ellipse(50, 56.2, 35, 8)
    canvas.fill(inner, Gradient([darker(colour, 0.35), darker(colour, 0.08)], down=True))
    for x, y, fruit in ((36, 54, "#e0a93b"), (63, 55, "#d9653b"), (49, 51.6, "#a9bb4e")):
        canvas.fill(ellipse(x, y, 11, 10.4), Gradient([lighter(fruit, 0.25), fruit, darker(fruit, 0.2)]))
        canvas.soft(ellipse(x - 3.6, y - 4, 2.6, 2), lighter(fruit, 0.8), blur=0.8, opacity=0.7)
        canvas.line([(x + 0.5, y - 10), (x + 1.4, y - 12.6)], 0.9, "#6b4a2e")
    lip = path(
        "M 15,56.2 C 15,61 30,64.2 50,64.2 C 70,64.2 85,61 85,56.2 "
        "L 87,56 C 86,62 70,65.6 50,65.6 C 30,65.6 14,62 13,56"
    )
    canvas.fill(
        path(
            "M 15,56.2 C 15,61 30,64.2 50,64.2 C 70,64.2 85,61 85,56.2 L 87,56 C 86,76 50,84 50,84 C 50,84 14,76 13,56"
        ),
        round_body(colour),
        inside=body,
    )
    canvas.fill(lip, lighter(colour, 0.35))
    for number in range(30):
        x, y = 18 + number * 37 % 64, 66 + number * 23 % 20
        canvas.fill(ellipse(x, y, 0.35 + number % 3 * 0.12, 0.35), darker(colour, 0.45), opacity=0.5, inside=body)


def board(canvas: Canvas, colour: str | Colour) -> None:
    wood = Gradient([lighter(colour, 0.2), colour, lighter(colour, 0.08), darker(colour, 0.08), colour])
    outline = path(
        "M 36,90 L 36,42 C 36,36 44,36 45,30 L 45,18 C 45,12 55,12 "
        "55,18 L 55,30 C 56,36 64,36 64,42 L 64,90 Q 64,90 36,90"
    )
    canvas.fill([(x + 1.6, y) for x, y in outline], darker(colour, 0.35))
    canvas.fill(outline, wood)
    for number, x in enumerate((38.6, 41, 44.2, 47, 50.6, 53.2, 57, 60.2, 62)):
        bend = 1.4 if number % 2 else -1.2
        canvas.line(
            path(f"M {x},14 C {x + bend},34 {x - bend},60 {x + bend / 2},90"),
            0.35,
            darker(colour, 0.3),
            opacity=0.5,
            inside=outline,
        )
    canvas.line(path("M 52,52 C 49.5,57 49.5,63 52,68 C 54.5,63 54.5,57 52,52"), 0.4, darker(colour, 0.35), opacity=0.6)
    canvas.line(path("M 52,55 C 50.8,58 50.8,62 52,65 C 53.2,62 53.2,58 52,55"), 0.4, darker(colour, 0.35), opacity=0.6)
    canvas.fill(ellipse(50, 19.4, 2.3, 2.3), darker(colour, 0.6))
    canvas.line(path("M 50,19 C 45,12 44,6 50,3 C 56,6 55,12 50,19"), 0.7, "#6b4a35")
