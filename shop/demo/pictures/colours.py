"""Colours: the names that products use, and mixing."""

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
SHADOW: Colour = (46, 38, 44)

NAMED: dict[str, str] = {
    "Amber": "#d98a3d",
    "Blush": "#e8b4a8",
    "Coral": "#e8705f",
    "Cream": "#f0e5d0",
    "Forest green": "#3f6b55",
    "Graphite": "#4a4e57",
    "Ink": "#2c3a58",
    "Mustard": "#e0a93b",
    "Oak": "#cfa06a",
    "Oat": "#dccbb0",
    "Ocean blue": "#3e7ca6",
    "Petrol": "#2d6a78",
    "Porcelain white": "#f2f0ec",
    "Sage": "#93ad8f",
    "Sand": "#d9bf94",
    "Terracotta": "#c8683f",
    "Walnut": "#7d5238",
}


def rgb(colour: str | Colour) -> Colour:
    """Return a colour given by its name in the shop, as ``#rrggbb`` or already as numbers."""
    if not isinstance(colour, str):
        return colour
    code = NAMED.get(colour, colour).lstrip("#")
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)


def mix(one: str | Colour, other: str | Colour, share: float) -> Colour:
    """Return ``one`` with so much (0 to 1) of ``other`` in it."""
    a, b = rgb(one), rgb(other)
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def lighter(colour: str | Colour, share: float = 0.2) -> Colour:
    return mix(colour, (255, 250, 240), share)


def darker(colour: str | Colour, share: float = 0.2) -> Colour:
    """Return the colour in shade: towards a warm violet, which looks cleaner than towards black."""
    return mix(colour, (38, 24, 46), share)


def is_dark(colour: str | Colour) -> bool:
    red, green, blue = rgb(colour)
    return 0.3 * red + 0.59 * green + 0.11 * blue < 128
