"""Open Sans for Latin, Greek and Cyrillic letters, ``PDF_FONT`` for all that it lacks.

Chinese, Japanese and Korean letters that neither has use fonts of the viewer; other ones are transliterated.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from html import escape
from itertools import groupby

import structlog
from anyascii import anyascii
from django.conf import settings
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from ttf_opensans import OPENSANS_BOLD, OPENSANS_REGULAR

logger = structlog.get_logger(__name__)

REGULAR, BOLD = "OpenSans", "OpenSans-Bold"
_OTHER = "Other"
# Standard fonts of Adobe's character collections, which are not embedded, and the codecs of their letters.
_JAPANESE = ("HeiseiKakuGo-W5", "cp932")
_CHINESE = ("STSong-Light", "gbk")
_KOREAN = ("HYGothic-Medium", "cp949")
_MISSING = "?"
# Controls, marks of direction, surrogates, emoji.
_SKIPPED = ("Cc", "Cf", "Cs", "So")


@cache
def register() -> frozenset[str]:
    """Return the letters that Open Sans has."""
    regular, bold = (TTFont(name, file.path) for name, file in ((REGULAR, OPENSANS_REGULAR), (BOLD, OPENSANS_BOLD)))
    for font in (regular, bold, *(UnicodeCIDFont(name) for name, _ in (_JAPANESE, _CHINESE, _KOREAN))):
        pdfmetrics.registerFont(font)
    return frozenset(chr(code) for code in regular.face.charToGlyph.keys() & bold.face.charToGlyph.keys())


@cache
def _register_other(path: str) -> frozenset[str]:
    """Return the letters of ``PDF_FONT``; it is read at the first text that needs it, for a fraction of a second."""
    try:
        font = TTFont(_OTHER, path)
    except (OSError, TTFError) as error:
        logger.warning("pdf_font_unusable", path=path, error=str(error))
        return frozenset()
    pdfmetrics.registerFont(font)
    return frozenset(map(chr, font.face.charToGlyph))


def markup(text: str, font: str = REGULAR) -> str:
    """Return ``text`` on one line for a paragraph; each run of letters names a font that has them."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    runs = groupby(_letters(text, font), key=lambda pair: pair[0])
    return "".join(f'<font name="{name}">{escape("".join(each for _, each in run))}</font>' for name, run in runs)


def _letters(text: str, font: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of font and letters."""
    known = register()
    # Chinese characters are written in all three.
    east_asian = [_CHINESE, _JAPANESE]
    if any("\u3040" <= letter <= "\u30ff" for letter in text):
        east_asian.reverse()
    if any("\uac00" <= letter <= "\ud7a3" for letter in text):
        east_asian.insert(0, _KOREAN)
    for letter in text:
        if letter in known:
            yield font, letter
        elif unicodedata.category(letter) in _SKIPPED:
            continue
        elif settings.PDF_FONT and letter in _register_other(settings.PDF_FONT):
            yield _OTHER, letter
        elif name := next((name for name, codec in east_asian if _has(codec, letter)), ""):
            yield name, letter
        else:
            yield font, anyascii(letter) or _MISSING


def _has(codec: str, letter: str) -> bool:
    """Return whether the codec has an East Asian letter, as opposed to Greek or Cyrillic ones."""
    if letter < "\u2e80" or letter > "\uffff":
        return False
    try:
        letter.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
