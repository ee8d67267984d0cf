"""Files of the storefront, their content types and the Content-Security-Policy; needs no Django."""

import re
from pathlib import Path
from urllib.parse import urlsplit

SITE = Path(__file__).resolve().parent / "site"

# Paths of its pages begin with one of these; all are index.html.
PAGES = (
    "account",
    "cart",
    "categories",
    "change-email",
    "checkout",
    "collections",
    "forgot-password",
    "login",
    "orders",
    "products",
    "register",
    "reset-password",
    "search",
    "verify-email",
)

STRIPE = "https://api.stripe.com"
HTML = "text/html; charset=utf-8"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# https://docs.stripe.com/security/guide#content-security-policy
_STRIPE_JS = "https://js.stripe.com https://*.js.stripe.com"
_STRIPE = {
    "script-src": _STRIPE_JS,
    "frame-src": f"{_STRIPE_JS} https://hooks.stripe.com",
    "connect-src": "https://api.stripe.com",
    "img-src": "https://*.stripe.com",
}


def is_page(path: str) -> bool:
    return path.strip("/").partition("/")[0] in ("", *PAGES)


def read(path: str) -> tuple[bytes, str] | None:
    """Return an asset's content and content type, or None."""
    try:
        file = (SITE / path).resolve()
        if not file.is_relative_to(SITE / "assets") or not file.is_file():
            return None
    except (OSError, ValueError):
        # Too long, or with a null character.
        return None
    return file.read_bytes(), _TYPES[file.suffix]


def page(*, api: str, stripe_simulator: str) -> bytes:
    """Return index.html with the addresses of the API and, if the cards are not Stripe's, of the simulator."""
    text = (SITE / "index.html").read_text()
    for name, address in (("shop-api", api), ("stripe-simulator", stripe_simulator)):
        text = re.sub(rf'(?<=<meta name="{name}" content=")[^"]*', address, text)
    return text.encode()


def policy(*, api: str, stripe_simulator: str, pictures: str = "") -> str:
    """Return the Content-Security-Policy. ``pictures``: origin of the images, if not the API's."""
    address = urlsplit(api)
    api_origin = f"{address.scheme}://{address.netloc}" if address.netloc else ""
    sources = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", api_origin, pictures],
        "connect-src": ["'self'", api_origin, stripe_simulator],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    if not stripe_simulator:
        for name, stripe in _STRIPE.items():
            sources[name] = [*sources.get(name, []), stripe]
    return "; ".join(" ".join([name, *filter(None, each)]) for name, each in sources.items())
