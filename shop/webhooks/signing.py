"""Secrets are not stored: they are derived from ``SECRET_KEY`` and a random salt, so the database alone signs nothing.

A fingerprint of each tells if ``SECRET_KEY`` was replaced, without a fallback; the secrets then have to be rotated.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.utils.crypto import salted_hmac
from standardwebhooks import Webhook

from shop.webhooks.models import WebhookEndpoint

_PURPOSE = "shop.webhooks.signing"


class Secret(NamedTuple):
    """``text`` is shown once, ``whsec_`` and 32 bytes in Base64."""

    salt: str
    text: str

    @property
    def fingerprint(self) -> str:
        return hashlib.blake2b(self.text.encode(), digest_size=8).hexdigest()


class SecretsLost(Exception):
    """``SECRET_KEY`` was replaced."""


def new_secret() -> Secret:
    return _derive(secrets.token_urlsafe(24), settings.SECRET_KEY)


def _derive(salt: str, key: str) -> Secret:
    digest = salted_hmac(_PURPOSE, salt, secret=key, algorithm="sha256").digest()
    return Secret(salt, f"whsec_{base64.b64encode(digest).decode()}")


def secrets_of(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Return the current secret, then the former one while it is valid. Raises ``SecretsLost``."""
    current = _find(endpoint.salt, endpoint.fingerprint)
    if current is None:
        raise SecretsLost
    if endpoint.former_until is None or endpoint.former_until <= now:
        return [current]
    former = _find(endpoint.former_salt, endpoint.former_fingerprint)
    return [current, former] if former else [current]


def _find(salt: str, fingerprint: str) -> str | None:
    derived = (_derive(salt, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))
    return next((each.text for each in derived if each.fingerprint == fingerprint), None)


def signed_headers(message_id: str, body: str, *, keys: Iterable[str], now: datetime) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, now, body) for key in keys),
    }
