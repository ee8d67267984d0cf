"""Drawings of clothes, laid flat."""

from shop.demo.pictures.canvas import Canvas, Gradient
from shop.demo.pictures.colours import Colour, darker, lighter, mix
from shop.demo.pictures.shapes import Outline, ellipse, mirrored, path, rectangle, symmetric, turned

_TEE = "M 60,18 C 66,20 72,22 76,25 C 82,32 87,41 91,50 L 77,57 L 72,49 C 71.4,62 72,76 73,89 Q 62,91 50,91"
_NECK = "M 60,18 C 59,26 54,29 50,29"


def _cloth(colour: str | Colour) -> Gradient:
    return Gradient([darker(colour, 0.1), lighter(colour, 0.16), colour, lighter(colour, 0.08), darker(colour, 0.14)])


def _folds(canvas: Canvas, colour: str | Colour, body: Outline) -> None:
    """What makes it cloth: soft creases from under the arms, and a little light on the chest."""
    for fold in (
        path("M 29,52 C 36,58 40,64 42,74 C 37,66 33,60 29,57"),
        path("M 71,52 C 64,58 60,64 58,74 C 63,66 67,60 71,57"),
        path("M 31,80 C 40,76 46,78 52,86 C 44,81 38,81 31,84"),
        path("M 69,72 C 63,74 60,80 58,89 C 62,82 65,79 69,77"),
    ):
        canvas.soft(fold, darker(colour, 0.7), blur=1.1, opacity=0.32, inside=body)
    canvas.soft(ellipse(44, 46, 12, 15), "#ffffff", blur=5, opacity=0.16, inside=body)


def tshirt(canvas: Canvas, colour: str | Colour, stripe: str | Colour | None = None) -> None:
    collar = symmetric("M 60.4,17.6 C 58,22 54,24 50,24 L 50,30")
    canvas.fill(ellipse(50, 19.6, 11, 4.6), darker(colour, 0.42))
    half = path(_TEE)
    neck = path(_NECK)
    body = [*half, *reversed(mirrored(half)), *mirrored(neck), *reversed(neck)]
    canvas.fill(body, _cloth(colour))
    if stripe is not None:
        for y in range(33, 92, 6):
            canvas.line(
                path(f"M 5,{y - 4} C 30,{y + 1.4} 70,{y + 1.4} 95,{y - 4}"), 1.9, stripe, opacity=0.94, inside=body
            )
    _folds(canvas, colour, body)
    canvas.line(neck, 2.2, lighter(colour, 0.14))
    canvas.line(mirrored(neck), 2.2, lighter(colour, 0.14))
    canvas.line([(x, y + 1.3) for x, y in neck], 0.35, darker(colour, 0.35), opacity=0.8, inside=body)
    canvas.line([(x, y + 1.3) for x, y in mirrored(neck)], 0.35, darker(colour, 0.35), opacity=0.8, inside=body)
    for seam in (
        path("M 75,25.6 C 72,34 71.6,42 72,49"),
        path("M 89.4,46.6 L 75.6,53.6"),
        path("M 50,88.4 Q 62,88.4 72.8,86.6"),
    ):
        canvas.line(seam, 0.35, darker(colour, 0.4), opacity=0.6, inside=body)
        canvas.line(mirrored(seam), 0.35, darker(colour, 0.4), opacity=0.6, inside=body)
    canvas.fill(rectangle(47.6, 20.4, 52.4, 22.6, 0.4), "#f5efe4", inside=collar)


def striped_tshirt(canvas: Canvas, colour: str | Colour) -> None:
    tshirt(canvas, "#f3ead9", stripe=colour)


def hoodie(canvas: Canvas, colour: str | Colour) -> None:
    sleeve = path("M 70,28 C 80,31 84,42 87,58 L 91,82 L 80,85 L 72,58")
    cuff = path("M 79.4,80.6 L 90.6,77.4 L 92,84.6 L 81,88")
    for outline, paint in ((sleeve, Gradient([colour, darker(colour, 0.2)])), (cuff, darker(colour, 0.2))):
        canvas.fill(outline, paint)
        canvas.fill(
            mirrored(outline),
            Gradient([darker(colour, 0.04), lighter(colour, 0.1)]) if outline is sleeve else darker(colour, 0.16),
        )
    body = symmetric("M 50,24 L 66,26 C 72,28 75,32 75,40 L 75,84 L 50,84")
    canvas.fill(body, _cloth(colour))
    canvas.line(path("M 72,30 C 71,42 71.4,52 73,60"), 0.35, darker(colour, 0.4), opacity=0.6)
    canvas.line(path("M 28,30 C 29,42 28.6,52 27,60"), 0.35, darker(colour, 0.4), opacity=0.6)
    _folds(canvas, colour, body)
    canvas.fill(
        rectangle(26, 83, 74, 90, 1.6), Gradient([darker(colour, 0.2), darker(colour, 0.06), darker(colour, 0.24)])
    )
    for x in range(28, 74, 2):
        canvas.line([(x, 84), (x, 89)], 0.3, darker(colour, 0.4), opacity=0.5)
    pocket = symmetric("M 61,60 L 68,72 L 68,83 L 50,83 L 50,60")
    canvas.fill(pocket, lighter(colour, 0.07))
    canvas.line([*pocket, pocket[0]], 0.45, darker(colour, 0.35), opacity=0.7)
    hood = symmetric("M 50,9 C 62,9 69,17 69,28 C 66,36 58,39 50,40")
    canvas.soft([(x, y + 1.4) for x, y in hood], darker(colour, 0.8), blur=1.2, opacity=0.4)
    canvas.fill(hood, Gradient([lighter(colour, 0.16), colour, darker(colour, 0.1)], down=True))
    opening = symmetric("M 50,15 C 58,15 62,21 61.4,27 C 60,33 55,36 50,38")
    canvas.fill(opening, Gradient([darker(colour, 0.55), darker(colour, 0.32)], down=True))
    canvas.line([*opening, opening[0]], 0.8, darker(colour, 0.18))
    for x, end in ((46.4, 54), (53.6, 51.6)):
        canvas.line(path(f"M {x},36 C {x - 0.6},44 {x + 0.6},48 {x},{end}"), 0.9, "#f4ecdc")
        canvas.line([(x, end), (x, end + 2)], 1.2, "#b99a63")


def beanie(canvas: Canvas, colour: str | Colour) -> None:
    cream = "#f3e8d6"
    # The pompom: tufts around a circle, the inner ones lighter.
    for ring, radius in ((18, 7.6), (13, 5), (7, 2.4)):
        for number in range(ring):
            x, y = turned([(50 + radius, 18)], 360 / ring * number + radius * 9, 50, 18)[0]
            canvas.fill(ellipse(x, y, 2.9, 2.9), mix(darker(cream, 0.14), lighter(cream, 0.5), 1 - radius / 9))
    canvas.soft(ellipse(47, 15, 4, 4), "#ffffff", blur=1.6, opacity=0.6)
    dome = symmetric("M 50,24 C 70,24 80,42 80,70 L 50,70")
    canvas.fill(dome, _round(colour))
    for share in (-0.88, -0.7, -0.5, -0.3, -0.1, 0.1, 0.3, 0.5, 0.7, 0.88):
        rib = path(f"M {50 + share * 6},25 C {50 + share * 26},34 {50 + share * 30},52 {50 + share * 30},70")
        canvas.line(rib, 1, darker(colour, 0.3), opacity=0.4, inside=dome)
        canvas.line([(x + 1.1, y) for x, y in rib], 0.8, lighter(colour, 0.4), opacity=0.35, inside=dome)
    cuff = rectangle(17, 63, 83, 86, 4)
    canvas.soft([(x, y - 1.4) for x, y in cuff], darker(colour, 0.8), blur=1.2, opacity=0.35, inside=dome)
    canvas.fill(cuff, _round(colour))
    for number in range(22):
        x = 19 + number * 3
        canvas.line([(x, 64), (x, 85)], 0.9, darker(colour, 0.34), opacity=0.45, inside=cuff)
        canvas.line([(x + 1.2, 64), (x + 1.2, 85)], 0.7, lighter(colour, 0.4), opacity=0.3, inside=cuff)
    canvas.fill(rectangle(58, 71, 68, 79, 0.8), "#b07a48")
    canvas.line(path("M 60.4,77 L 63,73 L 65.6,77"), 0.5, "#f0dcc0")


def _round(colour: str | Colour) -> Gradient:
    return Gradient([darker(colour, 0.16), lighter(colour, 0.22), colour, darker(colour, 0.24)])


def socks(canvas: Canvas, colour: str | Colour) -> None:
    cream = mix(lighter(colour, 0.8), "#f6ecda", 0.6)
    for dx, dy, tone in ((15, -3, 0.12), (-5, 0, 0)):
        base = darker(colour, tone)
        sock = path(
            "M 34,14 L 54,14 L 54,54 C 54,58 56,60 59,62 L 73,70 C 82,75 80,88 "
            "69,88 C 62,88 57,86 50,82 L 38,74 C 34,71 33,67 33,62 L 34,14"
        )
        sock = [(x + dx - 4, y + dy) for x, y in sock]
        canvas.soft([(x - 1.4, y + 1) for x, y in sock], "#2e2632", blur=1.4, opacity=0.3)
        canvas.fill(sock, Gradient([lighter(base, 0.24), base, darker(base, 0.18)]))
        left = 30 + dx
        canvas.fill(
            rectangle(left - 4, 12 + dy, left + 26, 21 + dy), Gradient([cream, darker(cream, 0.1)]), inside=sock
        )
        for number in range(10):
            canvas.line(
                [(left + number * 2.1, 13 + dy), (left + number * 2.1, 20.6 + dy)],
                0.35,
                darker(cream, 0.4),
                opacity=0.5,
                inside=sock,
            )
        for y in (27, 31.4):
            canvas.fill(rectangle(left - 4, y + dy, left + 26, y + 2 + dy), cream, inside=sock)
        canvas.fill(ellipse(33 + dx, 71 + dy, 9.4, 10.4), Gradient([cream, darker(cream, 0.12)]), inside=sock)
        canvas.fill(ellipse(75 + dx, 82 + dy, 14.4, 13), Gradient([cream, darker(cream, 0.12)]), inside=sock)
        canvas.soft(
            path(
                f"M {50 + dx},{50 + dy} C {46 + dx},{58 + dy} {46 + dx},{64 + dy} "
                f"{50 + dx},{70 + dy} C {44 + dx},{64 + dy} {44 + dx},{56 + dy} {50 + dx},{50 + dy}"
            ),
            darker(base, 0.7),
            blur=0.8,
            opacity=0.4,
            inside=sock,
        )


def cap(canvas: Canvas, colour: str | Colour) -> None:
    dome = path("M 18,72 C 16,46 30,28 50,28 C 68,28 79,42 80,68 C 62,64 36,66 18,72")
    canvas.fill(dome, Gradient([darker(colour, 0.14), lighter(colour, 0.22), colour, darker(colour, 0.2)]))
    for seam in (
        path("M 50,28 C 45,40 43,54 44,67"),
        path("M 50,28 C 34,34 27,50 26,69"),
        path("M 50,28 C 62,34 67,48 68,66"),
    ):
        canvas.line(seam, 0.4, darker(colour, 0.4), opacity=0.7, inside=dome)
        canvas.line([(x + 0.8, y) for x, y in seam], 0.3, lighter(colour, 0.5), opacity=0.5, inside=dome)
    brim = path("M 42,67.4 C 58,64 72,65 80,68 C 90,71 97,76 96,80 C 88,84 76,78 60,77 C 50,76.4 44,76 40,74")
    canvas.soft([(x - 1, y - 2) for x, y in brim], darker(colour, 0.8), blur=1, opacity=0.35, inside=dome)
    canvas.fill([(x, y + 1.2) for x, y in brim], darker(colour, 0.4))
    canvas.fill(brim, Gradient([lighter(colour, 0.06), lighter(colour, 0.2), darker(colour, 0.08)]))
    for shift in (2, 4, 6):
        canvas.line(
            path(f"M 46,{68 + shift} C 62,{66.4 + shift} 78,{68 + shift} 92,{74 + shift}"),
            0.3,
            darker(colour, 0.35),
            opacity=0.5,
            inside=brim,
        )
    canvas.fill(ellipse(50, 28, 3, 1.8), Gradient([lighter(colour, 0.3), darker(colour, 0.1)]))
    for x, y in ((35, 46), (58, 44)):
        canvas.fill(ellipse(x, y, 1.1, 1.3), darker(colour, 0.5))
    canvas.fill(rectangle(44, 48, 56, 58, 1), "#efe3cd")
    canvas.line(path("M 46,55.6 C 48,52 49,54.6 50,53 C 51,51.4 52.4,54 54,51"), 0.6, darker(colour, 0.2))
