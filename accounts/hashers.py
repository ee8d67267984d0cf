"""The password hasher: Django's BCryptSHA256, its cost a setting."""

from django.conf import settings
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.utils.functional import classproperty


class BCryptSHA256(BCryptSHA256PasswordHasher):
    """SHA-256 first, so that nothing is cut at bcrypt's 72 bytes; hashes of another cost are renewed at login."""

    @classproperty
    def rounds(cls) -> int:  # noqa: N805
        return settings.BCRYPT_ROUNDS
