"""Unicode normalization of passwords."""

import unicodedata

from django.contrib.auth.hashers import make_password


def normalize_password(password: str) -> str:
    """Return the NFKC form (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return make_password(normalize_password(password))


def spellings(password: str) -> list[str]:
    """Include the typed form, for older hashes."""
    return list(dict.fromkeys((normalize_password(password), password)))
