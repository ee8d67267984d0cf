from PIL import Image, UnidentifiedImageError

from shop.conf.base import checks, env

PAPER_SIZE = env.one_of("PAPER_SIZE", ("a4", "letter"), default="a4", such_as="a4 or letter")
SHOP_LOGO = env.str("SHOP_LOGO", default="")
if SHOP_LOGO:
    try:
        with Image.open(SHOP_LOGO) as _logo:
            _logo.verify()
    except (OSError, UnidentifiedImageError, SyntaxError):
        checks.report_unusable(f"SHOP_LOGO must be the path of a PNG or JPEG file, not {SHOP_LOGO!r}.")
