from shop.dev.demo.products.model import DemoProduct

KITCHEN = (
    DemoProduct(
        slug="harbour-stoneware-mug",
        name="Harbour Stoneware Mug",
        category="mugs-cups",
        brand="Kiln Row",
        tags=("gift", "handmade"),
        sku="MUG-HARBOUR",
        price="24.00",
        colours=("Ocean blue", "Oat", "Terracotta"),
        description=(
            "A generous mug, thrown by hand and dipped in a reactive "
            "glaze, so no two are quite alike. The handle takes "
            "three fingers, the rim is thin and the foot is left bare. Holds 350 ml; dishwasher and microwave safe."
        ),
        attributes={"material": "Stoneware", "capacity": "350 ml"},
        options={"colour": ("Ocean blue", "Oat", "Terracotta")},
    ),
    DemoProduct(
        slug="piccolo-espresso-cup",
        name="Piccolo Espresso Cup & Saucer",
        category="mugs-cups",
        brand="Kiln Row",
        sku="CUP-PICCOLO",
        price="19.50",
        colours=("Porcelain white", "Forest green"),
        description=(
            "A thick-walled porcelain cup that keeps an espresso hot "
            "down to the last sip. The saucer has a shallow well, "
            "so the spoon stays where you put it. Stacks safely, even four high."
        ),
        attributes={"material": "Porcelain", "capacity": "80 ml"},
        options={"colour": ("Porcelain white", "Forest green")},
    ),
    DemoProduct(
        slug="alba-gooseneck-kettle",
        name="Alba Gooseneck Kettle",
        category="tea-coffee",
        sku="KETTLE-ALBA",
        price="79.00",
        compare_at="95.00",
        colours=("Graphite", "Cream"),
        description=(
            "A stovetop kettle with a slender spout that pours exactly where you aim. The counterbalanced handle stays "
            "cool, and the lid has a vent that whispers rather than whistles. Works on gas, electric and induction."
        ),
        attributes={"material": "Steel", "capacity": "900 ml"},
        options={"colour": ("Graphite", "Cream")},
    ),
    DemoProduct(
        slug="komorebi-teapot",
        name="Komorebi Teapot",
        category="tea-coffee",
        brand="Kiln Row",
        tags=("gift", "new"),
        sku="TEAPOT-KOMOREBI",
        price="58.00",
        colours=("Sage",),
        description=(
            "A round-bellied pot for two or three cups, with a fine steel strainer that lifts out with the leaves. "
            "The matte glaze feels like a pebble. It pours without "
            "a drip, which we tested more often than we should have."
        ),
        attributes={"material": "Stoneware", "capacity": "700 ml"},
    ),
    DemoProduct(
        slug="fjord-steel-bottle",
        name="Fjord Steel Bottle",
        category="tea-coffee",
        also_in=("bags",),
        brand="Wayfare",
        sku="BOTTLE-FJORD",
        price="32.00",
        colours=("Petrol", "Blush", "Graphite"),
        description=(
            "Double-walled steel that keeps tea hot for twelve hours "
            "and water cold for a day. The powder coat does not "
            "chip in a backpack, and the bamboo cap closes with half a turn."
        ),
        attributes={"material": "Steel"},
        options={"colour": ("Petrol", "Blush", "Graphite"), "size": ("500 ml", "750 ml")},
        extra={"750 ml": "6.00"},
    ),
    DemoProduct(
        slug="dune-serving-bowl",
        name="Dune Serving Bowl",
        category="serveware",
        also_in=("decoration",),
        brand="Kiln Row",
        tags=("handmade",),
        sku="BOWL-DUNE",
        price="36.00",
        colours=("Sand", "Ocean blue"),
        description=(
            "A wide bowl for salads, pasta and everything that is "
            "passed around the table. Its speckled glaze is poured "
            "inside and out and wiped off the rim. The small one makes a good fruit bowl."
        ),
        attributes={"material": "Stoneware"},
        options={"size": ("Small", "Large")},
        extra={"Large": "16.00"},
    ),
    DemoProduct(
        slug="carving-board-oak",
        name="Long Oak Board",
        category="serveware",
        tags=("handmade",),
        sku="BOARD-OAK",
        price="44.00",
        colours=("Oak",),
        description=(
            "Cut from a single plank of European oak and oiled three "
            "times. Bread, cheese or a whole dinner's chopping: "
            "the handle makes it easy to carry to the table. Every board has its own grain."
        ),
        attributes={"material": "Oak", "length": "48 cm"},
    ),
)
