from shop.dev.demo.products.model import DemoProduct

HOME = (
    DemoProduct(
        slug="arc-desk-lamp",
        name="Arc Desk Lamp",
        category="lighting",
        brand="Lumen & Sons",
        sku="LAMP-ARC",
        price="119.00",
        colours=("Mustard", "Graphite"),
        description=(
            "A task lamp with two joints that stay where you leave them. The warm LED dims in five steps and lasts for "
            "years. Its heavy base takes up no more room than a saucer."
        ),
        attributes={"material": "Steel", "light": "2700 K"},
        options={"colour": ("Mustard", "Graphite")},
    ),
    DemoProduct(
        slug="dome-pendant",
        name="Dome Pendant",
        category="lighting",
        brand="Lumen & Sons",
        sku="LAMP-DOME",
        price="149.00",
        compare_at="179.00",
        colours=("Forest green", "Cream"),
        description=(
            "Spun from one sheet of aluminium and lacquered inside "
            "and out, this pendant throws a wide pool of light on "
            "the table below. Comes with two metres of fabric cable and a canopy to match."
        ),
        attributes={"material": "Aluminium", "light": "E27"},
        options={"colour": ("Forest green", "Cream")},
    ),
    DemoProduct(
        slug="champignon-table-lamp",
        name="Champignon Table Lamp",
        category="lighting",
        brand="Lumen & Sons",
        sku="LAMP-CHAMP",
        price="89.00",
        colours=("Terracotta", "Cream"),
        description=(
            "A small lamp with a big hat. The opal glass stem glows along with the shade, which makes it a night light "
            "as much as a reading lamp. Touch the top to dim it."
        ),
        attributes={"material": "Glass", "light": "2700 K"},
        options={"colour": ("Terracotta", "Cream")},
        sold_out=("Cream",),
    ),
    DemoProduct(
        slug="linden-dining-chair",
        name="Linden Dining Chair",
        category="seating",
        brand="Blå Station",
        tags=("handmade",),
        sku="CHAIR-LINDEN",
        price="189.00",
        colours=("Oak", "Ink"),
        description=(
            "A wooden chair with a steam-bent back that gives a "
            "little when you lean. The seat is hollowed by hand, the "
            "legs are turned and wedged, and there is not a screw in sight. Delivered assembled."
        ),
        attributes={"material": "Oak"},
        options={"finish": ("Oak", "Ink")},
        extra={"Ink": "10.00"},
    ),
    DemoProduct(
        slug="fika-armchair",
        name="Fika Armchair",
        category="seating",
        brand="Blå Station",
        tags=("new",),
        sku="CHAIR-FIKA",
        price="549.00",
        weight=28_000,
        free_shipping=True,
        colours=("Mustard", "Sage", "Petrol"),
        description=(
            "Deep enough to curl up in, upright enough to drink "
            "coffee in. The cover is a wool blend that comes off for "
            "cleaning; the frame is solid beech and guaranteed for ten years."
        ),
        attributes={"material": "Wool"},
        options={"colour": ("Mustard", "Sage", "Petrol")},
        stock=6,
    ),
    DemoProduct(
        slug="nook-stool",
        name="Nook Stool",
        category="seating",
        brand="Blå Station",
        sku="STOOL-NOOK",
        price="74.00",
        colours=("Oak", "Coral"),
        description=(
            "A three-legged stool that never wobbles, whatever the "
            "floor is like. Sit on it, stand a plant on it, or put "
            "it beside the bed. Stacks three high."
        ),
        attributes={"material": "Oak"},
    ),
    DemoProduct(
        slug="ladder-shelf",
        name="Ladder Shelf",
        category="tables-shelves",
        brand="Blå Station",
        sku="SHELF-LADDER",
        price="229.00",
        colours=("Oak",),
        description=(
            "Four shelves between two ladders of solid oak: it stands by itself and needs one screw in the wall for "
            "safety. Assembled in ten minutes with the key that comes with it."
        ),
        attributes={"material": "Oak", "height": "164 cm"},
        stock=9,
    ),
    DemoProduct(
        slug="pond-side-table",
        name="Pond Side Table",
        category="tables-shelves",
        brand="Blå Station",
        sku="TABLE-POND",
        price="159.00",
        colours=("Walnut", "Coral"),
        description=(
            "A round walnut top on a single turned foot, just the height of a sofa's arm. The edge is thinned out from "
            "below, so that it seems to float. Finished with hard wax oil."
        ),
        attributes={"material": "Walnut", "height": "50 cm"},
        stock=0,
    ),
    DemoProduct(
        slug="terra-plant-pot",
        name="Terra Plant Pot",
        category="decoration",
        brand="Kiln Row",
        sku="POT-TERRA",
        price="18.00",
        colours=("Terracotta", "Porcelain white", "Ocean blue"),
        description=(
            "An unglazed pot that lets roots breathe, with a saucer to match. It darkens when it is watered and gets "
            "more beautiful with every year. The plant in the picture is not included, but it would like to be."
        ),
        attributes={"material": "Terracotta"},
        options={"size": ("12 cm", "16 cm", "21 cm")},
        extra={"16 cm": "7.00", "21 cm": "15.00"},
        stock=40,
    ),
    DemoProduct(
        slug="ripple-vase",
        name="Ripple Vase",
        category="decoration",
        brand="Kiln Row",
        tags=("handmade",),
        sku="VASE-RIPPLE",
        price="42.00",
        colours=("Blush", "Sage"),
        description=(
            "A ribbed vase with a narrow neck that makes three stems look like a bouquet. Matte outside, glazed inside "
            "and watertight. Made in a family workshop of five."
        ),
        attributes={"material": "Stoneware", "height": "24 cm"},
        options={"colour": ("Blush", "Sage")},
    ),
    DemoProduct(
        slug="cedar-smoke-candle",
        name="Cedar & Smoke Candle",
        category="decoration",
        tags=("gift",),
        sku="CANDLE-CEDAR",
        price="28.00",
        colours=("Amber",),
        description=(
            "Smells of a cabin after rain: cedar, birch smoke and "
            "a little orange peel. Soy wax with a cotton wick in a "
            "glass you will want to keep. Burns for about 45 hours."
        ),
        attributes={"material": "Soy wax", "scent": "Cedar"},
        stock=60,
    ),
    DemoProduct(
        slug="meadow-cushion",
        name="Meadow Cushion",
        category="decoration",
        sku="CUSHION-MEADOW",
        price="39.00",
        compare_at="49.00",
        colours=("Mustard", "Petrol", "Coral"),
        description=(
            "Washed linen with a woven stripe and a hidden zip, filled "
            "with feathers. Soft from the first day and softer "
            "after every wash. The cover comes off at 40 degrees."
        ),
        attributes={"material": "Linen", "size": "45 x 45 cm"},
        options={"colour": ("Mustard", "Petrol", "Coral")},
    ),
    DemoProduct(
        slug="noon-wall-clock",
        name="Noon Wall Clock",
        category="decoration",
        sku="CLOCK-NOON",
        price="64.00",
        colours=("Porcelain white", "Ink"),
        description=(
            "A quiet clock: the movement sweeps and does not tick. The ash rim is turned from one piece and the hands "
            "can be read from across the room. Runs for two years on one AA cell."
        ),
        attributes={"material": "Ash", "diameter": "30 cm"},
        options={"colour": ("Porcelain white", "Ink")},
    ),
)
