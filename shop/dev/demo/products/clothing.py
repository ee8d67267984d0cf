from shop.dev.demo.products.model import DemoProduct

CLOTHING = (
    DemoProduct(
        slug="everyday-organic-tee",
        name="Everyday Organic Tee",
        category="tops",
        brand="Northfold",
        tags=("organic",),
        sku="TEE-EVERYDAY",
        price="29.00",
        colours=("Forest green", "Porcelain white", "Coral"),
        description=(
            "The T-shirt that you put on without thinking. Heavy organic jersey that keeps its shape, a collar that "
            "does not curl, and side seams that stay at the side. Cut straight; take a size up for a loose fit."
        ),
        attributes={"material": "Organic cotton", "fit": "Regular"},
        options={"colour": ("Forest green", "Porcelain white", "Coral"), "size": ("S", "M", "L", "XL")},
    ),
    DemoProduct(
        slug="harvest-hoodie",
        name="Harvest Hoodie",
        category="tops",
        brand="Northfold",
        tags=("organic",),
        sku="HOODIE-HARVEST",
        price="78.00",
        colours=("Mustard", "Petrol"),
        description=(
            "A brushed fleece hoodie with a double hood and a pocket that holds a paperback. Knitted, dyed and sewn "
            "within forty kilometres. Pre-washed, so it is the size it says."
        ),
        attributes={"material": "Organic cotton", "fit": "Relaxed"},
        options={"colour": ("Mustard", "Petrol"), "size": ("S", "M", "L", "XL")},
        sold_out=("XL",),
    ),
    DemoProduct(
        slug="lighthouse-stripe-tee",
        name="Lighthouse Striped Tee",
        category="tops",
        brand="Northfold",
        sku="TEE-LIGHTHOUSE",
        price="38.00",
        compare_at="46.00",
        colours=("Ink", "Coral"),
        description=(
            "Narrow stripes on a cream ground, knitted in rather than printed, so they never fade. A boat neck and "
            "slightly shorter sleeves. Goes with everything that you own in blue."
        ),
        attributes={"material": "Organic cotton", "fit": "Regular"},
        options={"colour": ("Ink", "Coral"), "size": ("S", "M", "L")},
        back_order=("L",),
    ),
    DemoProduct(
        slug="polar-merino-beanie",
        name="Polar Merino Beanie",
        category="accessories",
        brand="Northfold",
        tags=("gift",),
        sku="BEANIE-POLAR",
        price="34.00",
        colours=("Coral", "Petrol", "Oat"),
        description=(
            "Ribbed merino that warms without itching, with a fold as deep as you like it. The pompom comes off with a "
            "snap, for days that call for dignity."
        ),
        attributes={"material": "Merino wool"},
        options={"colour": ("Coral", "Petrol", "Oat")},
    ),
    DemoProduct(
        slug="trail-socks",
        name="Trail Socks",
        category="accessories",
        brand="Northfold",
        sku="SOCKS-TRAIL",
        price="14.00",
        colours=("Mustard", "Ocean blue"),
        description=(
            "Merino socks with a cushioned sole, a flat toe seam and a cuff that stays up. Good for a mountain, an "
            "office and the sofa in between. One pair."
        ),
        attributes={"material": "Merino wool"},
        options={"size": ("36-39", "40-43", "44-47")},
        stock=50,
    ),
    DemoProduct(
        slug="dockside-cap",
        name="Dockside Cap",
        category="accessories",
        brand="Northfold",
        tags=("new",),
        sku="CAP-DOCKSIDE",
        price="27.00",
        colours=("Ocean blue", "Sand"),
        description=(
            "Six panels of washed twill, a soft crown and a brim that remembers how you bent it. The strap has a brass "
            "buckle and fits nearly everybody."
        ),
        attributes={"material": "Cotton twill"},
        options={"colour": ("Ocean blue", "Sand")},
    ),
    DemoProduct(
        slug="commuter-backpack",
        name="Commuter Backpack 20 L",
        category="bags",
        brand="Wayfare",
        sku="BAG-COMMUTER",
        price="109.00",
        colours=("Petrol", "Mustard", "Graphite"),
        description=(
            "A backpack that stands upright beside your chair. Padded "
            "sleeve for a 15-inch laptop, a front pocket where "
            "keys are found at once, and a waxed canvas that shrugs off the rain. Repaired free of charge, for life."
        ),
        attributes={"material": "Waxed canvas", "volume": "20 l"},
        options={"colour": ("Petrol", "Mustard", "Graphite")},
        stock=15,
    ),
    DemoProduct(
        slug="market-tote",
        name="Market Tote",
        category="bags",
        brand="Wayfare",
        tags=("organic",),
        sku="BAG-MARKET",
        price="22.00",
        colours=("Cream", "Sage"),
        description=(
            "Thick canvas, long handles and a flat base: it holds "
            "two melons and a baguette without complaint. An inner "
            "pocket keeps your phone out of the leeks."
        ),
        attributes={"material": "Canvas", "volume": "14 l"},
        stock=80,
    ),
    DemoProduct(
        slug="weekender-duffel",
        name="Weekender Duffel",
        category="bags",
        also_in=("accessories",),
        brand="Wayfare",
        sku="BAG-WEEKENDER",
        price="138.00",
        compare_at="165.00",
        colours=("Walnut", "Ink"),
        description=(
            "Two nights, three if you pack well. A wide zip opens it from end to end, the leather handles are riveted, "
            "and the base is reinforced. Fits under the seat in front of you."
        ),
        attributes={"material": "Leather", "volume": "32 l"},
        options={"colour": ("Walnut", "Ink")},
        stock=8,
    ),
)
