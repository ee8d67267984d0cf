"""Login rate limits, without account lockout.

Networks unknown to the account share a limit, which limits distributed guessing, not the owner.

https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from accounts.models import KnownNetwork, User
from shop.api.rate_limits import address_of, spend_or_refuse
from shop.db import documents
from shop.jobs.email_addresses import normalize_email

REMEMBERED_FOR = timedelta(days=90)
# Extend at most daily.
RENEWED_AFTER = timedelta(days=1)


def count_attempt(*, request: Request | HttpRequest, email: str) -> None:
    """Count an attempt, also for unknown accounts. Raises ``Throttled``."""
    account, address = normalize_email(email), address_of(request)
    for scope in ("login_account", "login_account_hour"):
        spend_or_refuse(scope, account, request=request)
    if not settings.RATE_LIMITS:
        return
    network = documents.find_one(KnownNetwork, {"_id": _digest(account, address)})
    if network is None:
        spend_or_refuse("login_strangers", account)
    elif network.expires_at > timezone.now() + REMEMBERED_FOR - RENEWED_AFTER:
        request.remembered_network = network.pk


def remember(*, request: Request | HttpRequest, user: User) -> None:
    """Record the network of a successful login."""
    pk, until = _digest(user.email, address_of(request)), timezone.now() + REMEMBERED_FOR
    if getattr(request, "remembered_network", None) == pk:
        return
    if documents.update_one(KnownNetwork, {"_id": pk}, {"$set": {"expires_at": until}}):
        return
    try:
        documents.insert(KnownNetwork(pk=pk, user=user, expires_at=until))
    except IntegrityError:
        # Inserted concurrently.
        return


def _digest(account: str, address: str) -> str:
    """Keyed, so that the database reveals nothing."""
    return salted_hmac("accounts.logins", f"{account}\0{address}", algorithm="sha256").hexdigest()
