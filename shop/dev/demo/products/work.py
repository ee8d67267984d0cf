"""Desk, stationery, audio and tech."""

from shop.dev.demo.products.model import DemoProduct

WORK = (
    DemoProduct(
        slug="field-notebook-a5",
        name="Field Notebook A5",
        category="notebooks-pens",
        brand="Quarto",
        sku="NOTE-FIELD",
        price="16.00",
        tax_class="reduced",
        colours=("Coral", "Petrol", "Mustard"),
        description=(
            "192 pages of paper that takes ink without bleeding, sewn so that it lies flat. A cloth cover, an elastic, "
            "a ribbon and a pocket at the back for everything that falls out of other notebooks."
        ),
        attributes={"material": "Paper", "format": "A5"},
        options={"colour": ("Coral", "Petrol", "Mustard"), "ruling": ("Dotted", "Plain")},
        stock=45,
    ),
    DemoProduct(
        slug="margin-fountain-pen",
        name="Margin Fountain Pen",
        category="notebooks-pens",
        brand="Quarto",
        tags=("gift",),
        sku="PEN-MARGIN",
        price="49.00",
        colours=("Ink", "Forest green"),
        description=(
            "A slim brass pen under a deep lacquer. The steel nib is tuned by hand and starts at the first touch, even "
            "after a week in a pocket. Takes standard cartridges; a converter is included."
        ),
        attributes={"material": "Brass"},
        options={"nib": ("Fine", "Medium")},
    ),
    DemoProduct(
        slug="twelve-colour-pencils",
        name="Twelve Colour Pencils",
        category="notebooks-pens",
        brand="Quarto",
        tags=("gift",),
        sku="PENCILS-TWELVE",
        price="21.00",
        tax_class="reduced",
        colours=("Oat",),
        description=(
            "Twelve soft, lightfast pencils in a tray of recycled "
            "card. The cores are thick enough to shade a sky with, "
            "and the cedar sharpens cleanly. Refills are sold one by one."
        ),
        attributes={"material": "Cedar"},
    ),
    DemoProduct(
        slug="still-headphones",
        name="Still Over-Ear Headphones",
        category="audio-tech",
        brand="Still",
        tags=("new",),
        sku="AUDIO-STILL",
        price="219.00",
        compare_at="249.00",
        colours=("Cream", "Graphite", "Sage"),
        description=(
            "Thirty hours of music on one charge and silence whenever you want it. The cushions are memory foam under "
            "a knitted cover that can be washed, and every part can be replaced with one screwdriver."
        ),
        attributes={"material": "Aluminium", "battery": "30 h"},
        options={"colour": ("Cream", "Graphite", "Sage")},
        stock=14,
    ),
    DemoProduct(
        slug="pebble-speaker",
        name="Pebble Speaker",
        category="audio-tech",
        brand="Still",
        sku="AUDIO-PEBBLE",
        price="89.00",
        colours=("Blush", "Graphite"),
        description=(
            "A speaker the size of an orange and a half that fills a kitchen. Two of them pair to stereo by touching. "
            "Splash-proof, twelve hours on a charge, and no app to install."
        ),
        attributes={"material": "Knitted fabric", "battery": "12 h"},
        options={"colour": ("Blush", "Graphite")},
    ),
    DemoProduct(
        slug="tactile-75-keyboard",
        name="Tactile 75 Keyboard",
        category="audio-tech",
        brand="Still",
        sku="KEYS-TACTILE",
        price="159.00",
        colours=("Oat", "Graphite"),
        description=(
            "A compact mechanical keyboard with an aluminium case "
            "and keycaps whose legends never wear off. The switches "
            "are quiet enough for a shared desk and can be swapped without solder."
        ),
        attributes={"material": "Aluminium", "layout": "75 %"},
        options={"switch": ("Linear", "Tactile")},
        stock=18,
    ),
)
