"""Passwords in one Unicode form, so that every keyboard that types a password types the same one."""

import unicodedata

from django.contrib.auth.hashers import make_password


def normalize_password(password: str) -> str:
    """Return a password in the form that is hashed: NFKC, as NIST SP 800-63B has it."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return make_password(normalize_password(password))


def spellings(password: str) -> list[str]:
    """Return what a hash may be of: the normal form, and for hashes from before that the password as it was typed."""
    return list(dict.fromkeys((normalize_password(password), password)))
