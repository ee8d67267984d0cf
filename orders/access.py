"""Access to orders: with an account, or with the token of an order."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User
from accounts.views import cart_token_of
from orders import tokens
from orders.models import Order
from orders.querysets import OrderQuerySet
from shop.api.permissions import HasAccount
from shop.api.principals import is_key

ORDER_TOKEN_HEADER = "X-Order-Token"  # noqa: S105

ORDER_TOKEN = OpenApiParameter(
    ORDER_TOKEN_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Token of an order that was placed without an account. It stands for the account.",
)


class AccountOrCartToken(HasAccount):
    """Users, and guests with a cart; the view finds the cart."""

    security_scheme = "cartToken"

    def has_permission(self, request: Request, view: APIView) -> bool:
        by_token = bool(cart_token_of(request)) and not is_key(request.user)
        return by_token or super().has_permission(request, view)


class AccountOrOrderToken(HasAccount):
    """Users, and guests with an order's token; the view checks it."""

    security_scheme = "orderToken"

    def has_permission(self, request: Request, view: APIView) -> bool:
        by_token = bool(order_token_of(request)) and not is_key(request.user)
        return by_token or super().has_permission(request, view)


def order_token_of(request: Request) -> str:
    return request.headers.get(ORDER_TOKEN_HEADER, "")


def named_by_token(request: Request) -> str:
    """Return the number of the order that the request's token opens, or ""."""
    return tokens.number_in(order_token_of(request))


def orders_of(request: Request) -> OrderQuerySet:
    """Return the user's own orders and the order of a valid token."""
    user = request.user
    own = Order.objects.owned_by(user) if isinstance(user, User) else Order.objects.none()
    if number := named_by_token(request):
        return own | Order.objects.open_to_tokens().filter(number=number)
    return own
