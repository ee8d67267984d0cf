"""Unicode normalization of passwords, so that they do not depend on the keyboard."""

import unicodedata

from django.contrib.auth.hashers import make_password


def normalize_password(password: str) -> str:
    """Return the NFKC form that is hashed (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return make_password(normalize_password(password))


def spellings(password: str) -> list[str]:
    """Return the forms to check against a hash: normalized, and as typed for hashes from before normalization."""
    return list(dict.fromkeys((normalize_password(password), password)))
