"""Texts that spreadsheets write instead of what was typed."""

import re

from catalog.importing.errors import BadCell
from shop.db import identifiers

# A long number: 4.00638E+12, 4,00638E+12, 1.5E-07.
_SHORTENED = re.compile(r"[+-]?(?:\d+(?:[.,·٫]\d+)? ?E\+\d+|\d+[.,·٫]\d+ ?E-\d+)", re.IGNORECASE)
# A number in a narrow column.
_TOO_NARROW = re.compile("#{3,}")
# Formula errors, see https://support.microsoft.com/office/hide-error-values-and-error-indicators
_ERROR = re.compile(
    "#(?:"
    # English; some are used in all languages.
    "NULL!|DIV/0!|VALUE!|REF!|NAME\\?|NUM!|N/A|SPILL!|CALC!|FIELD!|GETTING_DATA|BLOCKED!|BUSY!|CONNECT!|UNKNOWN!|ERROR!|"
    # German.
    "BEZUG!|NV|WERT!|ZAHL!|ÜBERLAUF!|FELD!|"
    # French.
    "NUL!|VALEUR!|NOM\\?|NOMBRE!|N/D|"
    # Spanish and Portuguese.
    "¡NULO!|¡DIV/0!|¡VALOR!|¡REF!|¿NOMBRE\\?|¡NUM!|NULO!|VALOR!|NOME\\?|NÚM!|"
    # Italian and Dutch.
    "NULLO!|VALORE!|RIF!|LEEG!|DEEL/0!|WAARDE!|VERW!|NAAM\\?|GETAL!|N/B|"
    # Polish and Russian.
    "ZERO!|DZIEL/0!|ARG!|ADR!|NAZWA\\?|LICZBA!|N/D!|ПУСТО!|ДЕЛ/0!|ЗНАЧ!|ССЫЛКА!|ИМЯ\\?|ЧИСЛО!|Н/Д"
    # LibreOffice.
    ")|Err:\\d{3}"
)


def check_unaltered(text: str) -> None:
    """Raise :class:`BadCell` for a text that a spreadsheet program has reformatted."""
    if _SHORTENED.fullmatch(identifiers.code(text)):
        raise BadCell("A spreadsheet shortened this number. Format the column as text and enter it again.")
    if _TOO_NARROW.fullmatch(text):
        raise BadCell("A spreadsheet hid this value. Make the column wider and save the file again.")
    if _ERROR.fullmatch(text):
        raise BadCell(f"This is a formula error, {text}: correct the formula.")
