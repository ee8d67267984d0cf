from pathlib import Path

from PIL import Image, UnidentifiedImageError

from shop.conf.base import checks, env

PAPER_SIZE = env.one_of("PAPER_SIZE", ("a4", "letter"), default="a4", such_as="a4 or letter")
# Reading the whole font takes a fraction of a second.
_TRUETYPE = (b"\x00\x01\x00\x00", b"true", b"ttcf")
PDF_FONT = env.str("PDF_FONT", default="")
if PDF_FONT:
    try:
        with Path(PDF_FONT).open("rb") as _font:
            _is_truetype = _font.read(4) in _TRUETYPE
    except OSError:
        _is_truetype = False
    if not _is_truetype:
        checks.report_unusable(f"PDF_FONT must be the path of a TrueType font (TTF or TTC), not {PDF_FONT!r}.")
SHOP_LOGO = env.str("SHOP_LOGO", default="")
if SHOP_LOGO:
    try:
        with Image.open(SHOP_LOGO) as _logo:
            _logo.verify()
    except (OSError, UnidentifiedImageError, SyntaxError):
        checks.report_unusable(f"SHOP_LOGO must be the path of a PNG or JPEG file, not {SHOP_LOGO!r}.")
