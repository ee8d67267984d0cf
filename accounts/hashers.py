"""Bcrypt with configurable cost; Django's ``harden_runtime`` evens out the time of hashes with a lower cost."""

from typing import Any

import bcrypt
from django.conf import settings
from django.contrib.auth.hashers import BCryptPasswordHasher, BCryptSHA256PasswordHasher
from django.utils.functional import classproperty


class _ConfiguredCost:
    @classproperty
    def rounds(cls) -> int:  # noqa: N805
        return settings.BCRYPT_ROUNDS


class BCryptSHA256(_ConfiguredCost, BCryptSHA256PasswordHasher):
    """SHA-256 avoids bcrypt's limit of 72 bytes."""


class ImportedBCrypt(_ConfiguredCost, BCryptPasswordHasher):
    """Truncate passwords at 72 bytes, as in the imported hashes: bcrypt raises for longer ones."""

    def encode(self, password: str, salt: Any) -> str:
        data = bcrypt.hashpw(password.encode()[:72], salt)
        return f"{self.algorithm}${data.decode('ascii')}"
