"""Tokens by which guests access an order, in place of an account.

They are signed, not stored. Each names its order, so an invalid one is refused before the database is read. Tokens are
independent: a new one does not end those in earlier mails.
"""

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner

from orders.models import Order

_signer = TimestampSigner(sep=".", salt="orders.tokens")


def new_token(order: Order) -> str:
    """Only for orders placed without an account."""
    return _signer.sign(order.number)


def number_in(token: str) -> str:
    """Return the number of the token's order, or "" if the token is invalid or expired."""
    try:
        return _signer.unsign(token, max_age=settings.ORDER_TOKEN_TIMEOUT) if token else ""
    except BadSignature:
        return ""
