"""The password hashers: Django's BCryptSHA256, its cost a setting, and what hashes from elsewhere need.

A hash of another kind or another cost is replaced at its owner's next login. A check costs the same whether or not
the account exists; of a bcrypt hash of lower cost as well, Django makes up the difference.
"""

import bcrypt
from django.conf import settings
from django.contrib.auth.hashers import BCryptPasswordHasher, BCryptSHA256PasswordHasher
from django.utils.functional import classproperty


class BCryptSHA256(BCryptSHA256PasswordHasher):
    """SHA-256 first, so that nothing is cut at bcrypt's 72 bytes."""

    @classproperty
    def rounds(cls) -> int:  # noqa: N805
        return settings.BCRYPT_ROUNDS


class ImportedBCrypt(BCryptPasswordHasher):
    """Plain bcrypt, only to check imported hashes. It never knew more than 72 bytes; newer libraries insist on it."""

    @classproperty
    def rounds(cls) -> int:  # noqa: N805
        return settings.BCRYPT_ROUNDS

    def encode(self, password: str, salt: bytes) -> str:
        data = bcrypt.hashpw(password.encode()[:72], salt)
        return f"{self.algorithm}${data.decode('ascii')}"
