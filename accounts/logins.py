"""Login rate limits without lockout: networks that have never logged into the account share one limit.

https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import KnownNetwork, User
from shop.api.rate_limits import device_network, throttle
from shop.db import documents
from shop.jobs.email_addresses import normalize_email

NETWORK_LIFETIME = timedelta(days=90)
RENEWAL_INTERVAL = timedelta(days=1)


def count_attempt(*, email: str, ip_address: str) -> KnownNetwork | None:
    """Count an attempt, also for unknown accounts; return the network if the account knows it.

    Raises ``Throttled``.
    """
    account = normalize_email(email)
    for scope in ("login_account", "login_account_hour"):
        throttle(scope, account, ip_address=ip_address)
    if not settings.RATE_LIMITS:
        return None
    network = documents.find_one(KnownNetwork, {"_id": _digest(account, ip_address)})
    if network is None:
        throttle("login_strangers", account)
    return network


def record_network(*, user: User, ip_address: str, known: KnownNetwork | None = None) -> None:
    """Record a login's network, unless ``known`` was recorded lately."""
    pk, until = _digest(user.email, ip_address), timezone.now() + NETWORK_LIFETIME
    if known is not None and known.pk == pk and known.expires_at > until - RENEWAL_INTERVAL:
        return
    if documents.update_one(KnownNetwork, {"_id": pk}, {"$set": {"expires_at": until}}):
        return
    try:
        documents.insert(KnownNetwork(pk=pk, user=user, expires_at=until))
    except IntegrityError:
        # Inserted concurrently.
        return


def _digest(account: str, ip_address: str) -> str:
    """Return a keyed digest, so that the database does not reveal the network."""
    network = device_network(ip_address)
    return salted_hmac("accounts.logins", f"{account}\0{network}", algorithm="sha256").hexdigest()
