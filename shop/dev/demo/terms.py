from typing import NamedTuple


class DemoZone(NamedTuple):
    name: str
    countries: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()


EU = tuple("AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split())
ZONES = (
    DemoZone("European Union", EU),
    DemoZone("German islands", postal_codes=("DE 25938..25999", "DE 26465..26486", "DE 27498")),
    DemoZone("United States", ("US",)),
    DemoZone("Alaska and Hawaii", states=("US-AK", "US-HI")),
    DemoZone("Rest of the world"),
)


class DemoRate(NamedTuple):
    """A band of weight, in grams."""

    zone: str
    price: str
    min_weight: int | None = None
    max_weight: int | None = None
    free_from: str | None = None


class DemoShipping(NamedTuple):
    code: str
    name: str
    price: str
    description: str
    rates: tuple[DemoRate, ...] = ()
    # Of a pick-up: line1, postal code, city, country.
    pickup: tuple[str, str, str, str] | None = None


# The first is the default.
SHIPPING_METHODS = (
    DemoShipping(
        "standard",
        "Standard",
        "4.90",
        "By post, in three to five working days.",
        (
            DemoRate("European Union", "4.90", max_weight=5_000, free_from="100.00"),
            DemoRate("European Union", "9.90", min_weight=5_000, max_weight=20_000, free_from="200.00"),
            DemoRate("European Union", "39.00", min_weight=20_000),
            DemoRate("German islands", "14.90", max_weight=20_000),
            DemoRate("United States", "9.90", max_weight=5_000, free_from="150.00"),
            DemoRate("United States", "24.90", min_weight=5_000, max_weight=30_000),
            DemoRate("Alaska and Hawaii", "29.90", max_weight=10_000),
            DemoRate("Rest of the world", "14.90", max_weight=5_000),
            DemoRate("Rest of the world", "39.90", min_weight=5_000, max_weight=30_000),
        ),
    ),
    DemoShipping(
        "express",
        "Express",
        "12.90",
        "By courier, the next working day when ordered before noon.",
        (
            DemoRate("European Union", "12.90", max_weight=5_000),
            DemoRate("European Union", "24.90", min_weight=5_000, max_weight=20_000),
            DemoRate("United States", "29.90", max_weight=5_000),
        ),
    ),
    DemoShipping(
        "pickup",
        "Pick-up in Berlin",
        "0.00",
        "Ready after two hours; we keep it for ten days.",
        pickup=("Oranienstraße 24", "10999", "Berlin", "DE"),
    ),
    DemoShipping(
        "pickup-hamburg",
        "Pick-up in Hamburg",
        "0.00",
        "Ready the next working day; we keep it for ten days.",
        pickup=("Große Bergstraße 160", "22767", "Hamburg", "DE"),
    ),
)


class DemoPromotion(NamedTuple):
    name: str
    kind: str
    value: str = "0"
    # Without one it is automatic.
    code: str = ""
    minimum_subtotal: str = "0"
    # Slugs; without any it applies to everything.
    categories: tuple[str, ...] = ()
    # Of X and Y, for "buy X, get Y".
    quantities: tuple[int, int] | None = None
    first_order_only: bool = False
    combinable: bool = True


COUPONS = (
    DemoPromotion("Welcome", "percentage", "10", code="WELCOME10", first_order_only=True),
    DemoPromotion("Five off", "fixed", "5.00", code="FIVEOFF", minimum_subtotal="30.00"),
)
AUTOMATIC_PROMOTIONS = (
    DemoPromotion("3 for 2 mugs", "buy_x_get_y", "100", categories=("mugs-cups",), quantities=(2, 1)),
    DemoPromotion("Free shipping from 50", "free_shipping", minimum_subtotal="50.00"),
)

# Standard rates in per cent; other countries are exports without tax.
COUNTRY_TAX = """
AT 20  BE 21  BG 20  HR 25  CY 19  CZ 21  DK 25  EE 24  FI 25.5  FR 20  DE 19  GR 24  HU 27  IE 23  IT 22  LV 21
LT 21  LU 17  MT 18  NL 21  PL 23  PT 23  RO 21  SK 23  SI 22  ES 21  SE 25
GB 20  CH 8.1  NO 25  IS 24  TR 20  AU 10  NZ 15  JP 10  KR 10  SG 9  IN 18  ZA 15  MX 16  CA 5
"""
# The reduced rate of food, books and the like.
REDUCED_TAX = """
AT 10  BE 6  BG 9  HR 5  CY 5  CZ 12  DE 7  EE 9  ES 10  FI 14  FR 5.5  GR 13  HU 5  IE 9  IT 10  LT 9  LU 8  LV 12
MT 5  NL 9  PL 8  PT 6  RO 11  SE 12  SI 9.5  SK 19
CH 2.6  GB 5  IS 11  JP 8  NO 15  TR 10
"""
# By state or province; US rates exclude counties and cities.
STATE_TAX = {
    "US": """
    AL 4  AZ 5.6  AR 6.5  CA 7.25  CO 2.9  CT 6.35  DC 6  FL 6  GA 4  HI 4  ID 6  IL 6.25  IN 7  IA 6  KS 6.5  KY 6
    LA 5  ME 5.5  MD 6  MA 6.25  MI 6  MN 6.875  MS 7  MO 4.225  NE 5.5  NV 6.85  NJ 6.625  NM 4.875  NY 4  NC 4.75
    ND 5  OH 5.75  OK 4.5  PA 6  RI 7  SC 6  SD 4.2  TN 7  TX 6.25  UT 4.85  VT 6  VA 4.3  WA 6.5  WV 6  WI 5  WY 4
    """,
    "CA": "ON 13  NS 14  NB 15  NL 15  PE 15  QC 14.975  BC 12  SK 11  MB 12",
}
# Labels of taxes that are no VAT.
TAX_LABELS = {
    **dict.fromkeys(["AU", "IN", "NZ", "SG"], "GST"),
    "CA": "GST/HST",
    "JP": "Consumption tax",
    "US": "Sales tax",
}
# Shipping is untaxed if charged separately.
SHIPPING_UNTAXED = frozenset({"US"})

STAFF = {"email": "staff@example.com", "password": "staff-demo-password", "name": "Sam Staff"}
CUSTOMER = {"email": "customer@example.com", "password": "customer-demo-password", "name": "Robin Customer"}
CUSTOMER_ADDRESS = {
    "name": "Robin Customer",
    "line1": "Lindenstraße 12",
    "city": "Berlin",
    "postal_code": "10969",
    "country": "DE",
    "phone": "+49 30 1234567",
}
CUSTOMER_OFFICE = {
    "name": "Robin Customer",
    "company": "Lindenstudio GmbH",
    "tax_id": "DE136695976",
    "line1": "Schönhauser Allee 8",
    "city": "Berlin",
    "postal_code": "10119",
    "country": "DE",
}


def tax_rates() -> list[tuple[str, str, str, str]]:
    """Return (country, state, tax class, per cent); the state is empty for a whole country."""
    rates = [(country, "", "standard", rate) for country, rate in _pairs(COUNTRY_TAX)]
    rates += [(country, "", "reduced", rate) for country, rate in _pairs(REDUCED_TAX)]
    for country, text in STATE_TAX.items():
        rates += [(country, state, "standard", rate) for state, rate in _pairs(text)]
    return rates


def _pairs(text: str) -> list[tuple[str, str]]:
    words = text.split()
    return list(zip(words[::2], words[1::2], strict=True))
