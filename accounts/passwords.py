import unicodedata

from django.contrib.auth.hashers import make_password

# Errors of new passwords, by the validators of `AUTH_PASSWORD_VALIDATORS`.
PASSWORD_CODES = (
    "password_too_short",
    "password_too_common",
    "password_entirely_numeric",
    "password_too_similar",
)


def normalize_password(password: str) -> str:
    """Return the NFKC form (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return make_password(normalize_password(password))


def spellings(password: str) -> list[str]:
    """Return the normal form and, for older hashes, the typed one."""
    return list(dict.fromkeys((normalize_password(password), password)))
