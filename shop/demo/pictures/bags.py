"""Drawings of bags."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, lighter
from shop.demo.pictures.shapes import ellipse, path, rectangle, symmetric

_LEATHER = "#a06a3c"
_BRASS = Gradient(["#f3dfa8", "#c79c48", "#8c6a2c"])


def backpack(canvas: Canvas, colour: str | Colour) -> None:
    canvas.line(path("M 42,20 C 42,10 58,10 58,20"), 2.4, darker(_LEATHER, 0.1))
    for side in (-1, 1):
        canvas.line(
            path(f"M {50 + side * 20},34 C {50 + side * 36},44 {50 + side * 35},72 {50 + side * 27},84"),
            4,
            darker(colour, 0.34),
        )
    body = symmetric("M 50,16 C 68,16 76,26 76,42 L 77,82 C 77,87 74,90 69,90 L 50,90")
    canvas.fill(body, Gradient([darker(colour, 0.08), lighter(colour, 0.2), colour, darker(colour, 0.22)]))
    canvas.soft(ellipse(40, 34, 9, 13), "#ffffff", blur=4, opacity=0.2, inside=body)
    canvas.line(path("M 27,44 C 30,28 40,22 50,22 C 60,22 70,28 73,44"), 0.6, darker(colour, 0.45))
    canvas.line(
        path("M 27,45.2 C 30,29.2 40,23.2 50,23.2 C 60,23.2 70,29.2 73,45.2"), 0.4, lighter(colour, 0.4), opacity=0.6
    )
    pocket = rectangle(29, 53, 71, 86, 6)
    canvas.soft([(x + 0.6, y + 1.2) for x, y in pocket], darker(colour, 0.8), blur=1.4, opacity=0.45, inside=body)
    canvas.fill(pocket, Gradient([lighter(colour, 0.16), colour, darker(colour, 0.16)]))
    flap = path("M 29,58 C 29,54 31,52 35,52 L 65,52 C 69,52 71,54 71,58 L 71,64 C 64,68.6 36,68.6 29,64")
    canvas.soft([(x, y + 1.2) for x, y in flap], darker(colour, 0.8), blur=0.9, opacity=0.4, inside=pocket)
    canvas.fill(flap, Gradient([lighter(colour, 0.24), lighter(colour, 0.06), darker(colour, 0.08)]))
    for x in (40, 60):
        canvas.fill(
            rectangle(x - 1.8, 60, x + 1.8, 76, 0.8),
            Gradient([lighter(_LEATHER, 0.2), _LEATHER, darker(_LEATHER, 0.2)]),
        )
        canvas.ring(rectangle(x - 2.8, 70, x + 2.8, 74.4, 0.8), rectangle(x - 1.5, 71.2, x + 1.5, 73.2, 0.4), _BRASS)
    canvas.fill(
        rectangle(23, 84, 77, 91), Gradient([lighter(_LEATHER, 0.15), _LEATHER, darker(_LEATHER, 0.3)]), inside=body
    )
    canvas.line([(24, 84), (76, 84)], 0.35, "#f0d9b5", opacity=0.7)
    canvas.fill(rectangle(43, 34, 57, 42, 0.8), _LEATHER)
    canvas.line(path("M 46,40 L 49,36 L 51,38.6 L 52.4,37 L 54.6,40"), 0.55, "#f0d9b5")


def tote(canvas: Canvas, colour: str | Colour) -> None:
    canvas.line(path("M 38,44 C 37,20 63,20 62,44"), 2.6, darker(colour, 0.26))
    bag = path("M 24,40 L 76,40 L 79,86 C 79,89 78,90 75,90 L 25,90 C 22,90 21,89 21,86 L 24,40")
    canvas.fill(bag, Gradient([lighter(colour, 0.2), colour, lighter(colour, 0.1), darker(colour, 0.16)]))
    for fold in (
        path("M 26,44 C 31,60 30,74 26,88 C 33,74 33,58 26,44"),
        path("M 73,46 C 68,60 70,76 74,88 C 66,76 66,60 73,46"),
        path("M 40,90 C 44,84 56,84 62,90"),
    ):
        canvas.soft(fold, darker(colour, 0.6), blur=1.1, opacity=0.3, inside=bag)
    canvas.line([(24.2, 43), (75.8, 43)], 0.35, darker(colour, 0.4), opacity=0.7)
    canvas.line(path("M 37,50 C 34,16 66,16 63,50"), 3, Gradient([lighter(colour, 0.2), colour, darker(colour, 0.1)]))
    for x in (37, 63):
        canvas.fill(rectangle(x - 2.2, 44, x + 2.2, 52, 0.4), lighter(colour, 0.08))
        canvas.line([(x - 1.4, 45), (x + 1.4, 51)], 0.3, darker(colour, 0.4), opacity=0.7)
        canvas.line([(x + 1.4, 45), (x - 1.4, 51)], 0.3, darker(colour, 0.4), opacity=0.7)
    # A lemon, printed.
    canvas.fill(
        path("M 38,70 C 37,60 48,56 55,59 C 62,61 64,66 64,69 C 62,77 52,80 46,78 C 41,77 39,74 38,70"), "#e3b23f"
    )
    canvas.fill(path("M 57,58 C 60,51 67,51 71,52 C 69,58 63,61 57,58"), "#5f7f58")
    canvas.line(path("M 57.6,57.6 C 62,56 66,54 69.6,52.6"), 0.4, "#3f5a3d")
    canvas.line(path("M 43,68 C 44,64 47,62 50,62"), 0.7, "#f6dc8c")


def duffel(canvas: Canvas, colour: str | Colour) -> None:
    dark = darker(colour, 0.3)
    canvas.line(path("M 36,54 C 34,28 66,28 64,54"), 2.4, darker(dark, 0.15))
    body = path(
        "M 12,56 C 12,46 20,44 30,43 L 70,43 C 80,44 88,46 88,56 L "
        "90,80 C 90,87 86,90 78,90 L 22,90 C 14,90 10,87 10,80 L 12,56"
    )
    canvas.fill(body, Gradient([darker(colour, 0.12), lighter(colour, 0.24), colour, darker(colour, 0.24)]))
    canvas.soft(ellipse(34, 54, 17, 6), "#ffffff", blur=3, opacity=0.24, inside=body)
    canvas.line(path("M 18,48.4 C 36,46.4 64,46.4 82,48.4"), 1.6, darker(colour, 0.45))
    canvas.line(path("M 18,48.4 C 36,46.4 64,46.4 82,48.4"), 0.5, "#d9bd78")
    canvas.fill(rectangle(74, 46.6, 79, 49.8, 0.6), _BRASS)
    for x in (35, 65):
        canvas.fill(
            rectangle(x - 2.4, 47, x + 2.4, 90), Gradient([lighter(dark, 0.16), dark, darker(dark, 0.2)]), inside=body
        )
        for y in (54, 60):
            canvas.fill(ellipse(x, y, 0.9, 0.9), _BRASS)
    canvas.line(path("M 35,56 C 32,26 68,26 65,56"), 2.6, Gradient([lighter(dark, 0.2), dark, darker(dark, 0.2)]))
    canvas.line(path("M 45,34.6 C 48,33.4 52,33.4 55,34.6"), 4, darker(dark, 0.12))
    canvas.line(path("M 10.6,76 C 30,79 70,79 89.4,76"), 0.5, darker(colour, 0.5), opacity=0.6, inside=body)
    canvas.soft(rectangle(8, 84, 92, 92), darker(colour, 0.7), blur=1.8, opacity=0.5, inside=body)
    canvas.fill(path("M 80,52 L 85,52 L 86,64 L 79,64"), Gradient([lighter(dark, 0.3), dark]))
    canvas.line([(82.4, 47), (82.4, 53)], 0.6, darker(dark, 0.2))
