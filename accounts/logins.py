"""How often somebody may try to log in, by the API and the admin together: guessing is slow, and locks nobody out.

Every attempt counts for the account and the address it comes from. Those from networks where nobody ever logged into
the account also count together: so the guesses of many addresses stay few. The owner, at home or wherever they have
logged in before, is not among those strangers, and nobody elsewhere can use up their attempts.

https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html (throttling), and for the idea of
telling known places from strangers https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from accounts.models import KnownNetwork, User
from shop import documents
from shop.email_addresses import normalize_email
from shop.rate_limits import address_of, spend_or_refuse

REMEMBERED_FOR = timedelta(days=90)
# Somebody who logs in ten times a day is not written down ten times.
RENEWED_AFTER = timedelta(days=1)


def count_attempt(*, request: Request | HttpRequest, email: str) -> None:
    """Count an attempt to log in before its password is looked at. Raises ``Throttled`` where it is one too many.

    An account that does not exist is counted like one that does. What is known of the network is left on the request
    for :func:`remember`.
    """
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
    """Keep where somebody has just proven who they are: later attempts from there are not a stranger's."""
    pk, until = _digest(user.email, address_of(request)), timezone.now() + REMEMBERED_FOR
    if getattr(request, "remembered_network", None) == pk:
        return
    if documents.update_one(KnownNetwork, {"_id": pk}, {"$set": {"expires_at": until}}):
        return
    try:
        documents.insert(KnownNetwork(pk=pk, user=user, expires_at=until))
    except IntegrityError:
        # Another login from there was quicker.
        return


def _digest(account: str, address: str) -> str:
    """Name a network of an account, without telling either to who reads the database."""
    return salted_hmac("accounts.logins", f"{account}\0{address}", algorithm="sha256").hexdigest()
