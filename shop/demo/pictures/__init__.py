"""Pictures of the demo's products, drawn when they are needed: no file comes with the shop."""

from typing import NamedTuple

from shop.demo.pictures import bags, clothing, decoration, desk, furniture, lighting, tableware
from shop.demo.pictures.compositions import COMPOSITIONS, Subject, as_jpeg

SUBJECTS: dict[str, Subject] = {
    "mug": Subject(tableware.mug, width=68, focus=(48, 54)),
    "espresso_cup": Subject(tableware.espresso_cup, width=76, focus=(52, 66)),
    "kettle": Subject(tableware.kettle, width=86, focus=(42, 62)),
    "teapot": Subject(tableware.teapot, width=86, focus=(44, 62)),
    "bottle": Subject(tableware.bottle, width=36, focus=(50, 40)),
    "bowl": Subject(tableware.bowl, width=76, focus=(42, 66)),
    "board": Subject(tableware.board, width=34, focus=(50, 40)),
    "desk_lamp": Subject(lighting.desk_lamp, width=80, focus=(56, 40)),
    "pendant": Subject(lighting.pendant, stance="hangs", width=76, focus=(50, 52)),
    "table_lamp": Subject(lighting.table_lamp, width=78, focus=(46, 46)),
    "chair": Subject(furniture.chair, furnishes=True, width=60, focus=(50, 44)),
    "armchair": Subject(furniture.armchair, furnishes=True, width=78, focus=(44, 56)),
    "stool": Subject(furniture.stool, furnishes=True, width=64, focus=(50, 54)),
    "side_table": Subject(furniture.side_table, furnishes=True, width=78, focus=(46, 50)),
    "shelf": Subject(furniture.shelf, furnishes=True, width=60, focus=(46, 44)),
    "plant_pot": Subject(decoration.plant_pot, width=62, focus=(48, 66)),
    "vase": Subject(decoration.vase, width=50, focus=(50, 62)),
    "candle": Subject(decoration.candle, width=44, focus=(50, 58)),
    "cushion": Subject(decoration.cushion, width=70, focus=(38, 58)),
    "clock": Subject(decoration.clock, stance="hangs", width=74, focus=(56, 52)),
    "tshirt": Subject(clothing.tshirt, stance="lies", width=84, focus=(50, 42)),
    "striped_tshirt": Subject(clothing.striped_tshirt, stance="lies", width=84, focus=(50, 42)),
    "hoodie": Subject(clothing.hoodie, stance="lies", width=84, focus=(50, 42)),
    "beanie": Subject(clothing.beanie, stance="lies", width=70, focus=(52, 60)),
    "socks": Subject(clothing.socks, stance="lies", width=76, focus=(44, 40)),
    "cap": Subject(clothing.cap, stance="lies", width=84, focus=(50, 54)),
    "backpack": Subject(bags.backpack, width=72, focus=(48, 60)),
    "tote": Subject(bags.tote, width=62, focus=(52, 60)),
    "duffel": Subject(bags.duffel, width=84, focus=(42, 60)),
    "notebook": Subject(desk.notebook, stance="lies", width=58, focus=(52, 40)),
    "fountain_pen": Subject(desk.fountain_pen, stance="lies", width=72, focus=(36, 66)),
    "pencils": Subject(desk.pencils, stance="lies", width=72, focus=(42, 44)),
    "headphones": Subject(desk.headphones, stance="lies", width=72, focus=(36, 56)),
    "speaker": Subject(desk.speaker, width=74, focus=(44, 58)),
    "keyboard": Subject(desk.keyboard, stance="lies", width=88, focus=(36, 56)),
}


class View(NamedTuple):
    """One picture to be: the composition, and what a screen reader says."""

    composition: str
    alt: str


def views(*, name: str, colours: tuple[str, ...]) -> list[View]:
    """Return the pictures that a product gets, the leading one first."""
    main = View("studio", f"{name} in {colours[0].lower()}")
    at_home = View("at home", f"{name} at home, in {colours[min(1, len(colours) - 1)].lower()}")
    if len(colours) == 1:
        return [main, at_home]
    together = View("together", f"{name} in {' and '.join(colour.lower() for colour in colours[:3])}")
    close_up = View("close-up", f"{name}, a closer look")
    # Not all alike: a shop's pictures never are.
    if len(colours) > 2:
        return [main, together, at_home if len(name) % 2 else close_up]
    return [main, at_home] if len(name) % 2 else [main, together, close_up]


def draw(*, picture: str, colours: tuple[str, ...], composition: str) -> bytes:
    """Return a picture as JPEG; the same arguments give the same bytes."""
    return as_jpeg(COMPOSITIONS[composition](SUBJECTS[picture], colours))
