from .errors import malformed
from .params import Raw, string


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


ZERO_DECIMAL = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMAL = _codes("bhd jod kwd omr tnd")
# In hundredths in the API, but charged in whole units.
WHOLE_UNITS = _codes("isk ugx")

MINIMUM: dict[str, int] = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
"""Least charge by currency, in its minor unit. What is not listed has no minimum of its own here."""

OTHERS = _codes(
    "all amd ang ars awg azn bam bbd bdt bmd bnd bob bsd bwp byn bzd cdf cny cop crc cve dop dzd egp etb fjd fkp gel "
    "gip gmd gtq gyd hnl htg idr ils isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr "
    "mwk mzn nad ngn nio npr pab pen pgk php pkr qar rsd rub sar sbd scr shp sle sos srd std szl tjs top try ttd twd "
    "tzs uah ugx uyu uzs wst xcd yer zar zmw"
)
CURRENCIES = frozenset(MINIMUM) | ZERO_DECIMAL | THREE_DECIMAL | OTHERS
MAXIMUM = 99_999_999


def currency(raw: Raw, param: str) -> str:
    text = string(max_length=50)(raw, param).lower()
    if text not in CURRENCIES:
        supported = ", ".join(sorted(CURRENCIES))
        raise malformed(
            f"Invalid currency: {text}. Stripe currently supports these currencies: {supported}", param=param
        )
    return text


def check_amount(amount: int, code: str) -> None:
    """Raises 400. ``amount`` in minor units."""
    if amount < MINIMUM.get(code, 1):
        least = show(MINIMUM[code], code)
        raise malformed(f"Amount must be at least {least}", code="amount_too_small", param="amount")
    step = 10 if code in THREE_DECIMAL else 100 if code in WHOLE_UNITS else 1
    if amount % step:
        raise malformed(f"Invalid amount: in {code} it must be a multiple of {step}.", param="amount")
    if amount > MAXIMUM:
        raise malformed(f"Amount must be no more than {show(MAXIMUM, code)}", code="amount_too_large", param="amount")


def show(amount: int, code: str) -> str:
    """Format minor units: ``$19.99``, ``¥1999``, ``19.99 chf``."""
    decimals = 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2
    number = f"{amount / 10**decimals:,.{decimals}f}"
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(code)
    return f"{sign}{number}" if sign else f"{number} {code}"
