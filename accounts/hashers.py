"""Password hashers: Django's BCryptSHA256 with configurable cost, and plain bcrypt for imported hashes.

A hash with another algorithm or cost is upgraded at the next login. A check takes the same time whether or not the
account exists; for bcrypt hashes of lower cost Django's ``harden_runtime`` adds the difference.
"""

import bcrypt
from django.conf import settings
from django.contrib.auth.hashers import BCryptPasswordHasher, BCryptSHA256PasswordHasher
from django.utils.functional import classproperty


class BCryptSHA256(BCryptSHA256PasswordHasher):
    """bcrypt over SHA-256, which avoids bcrypt's limit of 72 bytes."""

    @classproperty
    def rounds(cls) -> int:  # noqa: N805
        return settings.BCRYPT_ROUNDS


class ImportedBCrypt(BCryptPasswordHasher):
    """Plain bcrypt, for checking imported hashes only. Truncates to 72 bytes because newer bcrypt versions raise."""

    @classproperty
    def rounds(cls) -> int:  # noqa: N805
        return settings.BCRYPT_ROUNDS

    def encode(self, password: str, salt: bytes) -> str:
        data = bcrypt.hashpw(password.encode()[:72], salt)
        return f"{self.algorithm}${data.decode('ascii')}"
