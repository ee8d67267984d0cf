from typing import Any

from bson import ObjectId
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts.authentication import find_user
from accounts.models import User
from accounts.views import CART_TOKEN_HEADER, cart_token_of
from cart import services
from cart.errors import CartFull, InvalidCoupon, ProductUnavailable, TooManyUnits
from cart.examples import CART_REPLY
from cart.models import Cart
from cart.owners import CartOfUser, CartOwner
from cart.pricing import PricedCart
from cart.serializers import (
    AddItemSerializer,
    CartSerializer,
    CouponCodeSerializer,
    ItemQuantitySerializer,
    QuantitySerializer,
    SetItemsSerializer,
    cart_data,
)
from catalog.errors import OutOfStock, VariantRequired
from shop.api.bodies import BodyValidationMixin
from shop.api.object_ids import parse_object_id
from shop.api.permissions import ShoppersOnly
from shop.api.rate_limits import Limit, ip_address_of, limit_failures
from shop.api.renderers import JSONReply
from shop.api.serializing import validate
from shop.http.addresses import base_url

CART_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Token of a guest's cart, returned by the first change.",
)

NEW_CART_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER,
    str,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="Token of the guest's new cart. Send it with later requests.",
)


def cart_owner_of(request: Request, found: CartOfUser | None = None) -> CartOwner:
    if isinstance(request.user, User):
        return CartOwner(user=request.user, found=found)
    return CartOwner(token=cart_token_of(request) or None)


class CartReplyMixin(BodyValidationMixin):
    permission_classes = [ShoppersOnly]
    security_schemes = ("cartToken",)
    pagination_class = None
    action: str
    found: CartOfUser | None = None

    def read_user(self, pk: ObjectId) -> User | None:
        """Read the cart, too, see :class:`~accounts.authentication.AccessTokenAuthentication`."""
        if self.action in ("coupon", "bulk_update"):
            # A refused coupon needs no cart, and several items need offers that only the valid body names.
            return find_user(pk)
        self.found = CartOfUser.read(pk, **self.wanted_offers())
        return self.found and self.found.user

    def wanted_offers(self) -> dict[str, Any]:
        """Return the arguments of :meth:`CartOwner.find`."""
        return {}

    def owner(self) -> CartOwner:
        return cart_owner_of(self.request, self.found)

    def reply(self, cart: PricedCart, owner: CartOwner, *, status: int = status.HTTP_200_OK) -> HttpResponse:
        data = cart_data(cart, base_url=base_url(self.request))
        response = JSONReply(data, status=status)
        if owner.token and owner.token != cart_token_of(self.request):
            response[CART_TOKEN_HEADER] = owner.token
        return response


@extend_schema(parameters=[CART_TOKEN], responses={200: CartSerializer})
class CartViewSet(CartReplyMixin, viewsets.GenericViewSet):
    """The shopper's cart."""

    singleton = True
    serializer_class = CartSerializer
    operation_ids = {
        "retrieve": "getCart",
        "destroy": "clearCart",
        "coupon": "applyCoupon",
        "remove_coupon": "removeCoupon",
    }
    rate_scopes = {"destroy": "cart", "coupon": "cart", "remove_coupon": "cart"}
    errors = {"coupon": [InvalidCoupon]}

    @extend_schema(examples=[CART_REPLY])
    def retrieve(self, request: Request) -> HttpResponse:
        """Return the cart at current prices. `warnings` lists changes since items were added."""
        owner = self.owner()
        return self.reply(services.get_cart(owner=owner), owner)

    def destroy(self, request: Request) -> HttpResponse:
        """Remove all items and the coupon. The cart keeps its token."""
        owner = self.owner()
        return self.reply(services.clear(owner=owner), owner)

    @extend_schema(parameters=[NEW_CART_TOKEN], request=CouponCodeSerializer)
    @action(detail=False, methods=["put"], serializer_class=CouponCodeSerializer)
    def coupon(self, request: Request) -> HttpResponse:
        """Apply a coupon. All unusable codes get the same error, and failed attempts are rate-limited."""
        owner = self.owner()
        wanted = self.validated()
        limits = [Limit("coupon", owner.rate_limit_key)] if owner.rate_limit_key else []
        with limit_failures(*limits, Limit("coupon_address", ip_address=ip_address_of(request)), error=InvalidCoupon):
            cart = services.apply_coupon(owner=owner, **wanted)
        return self.reply(cart, owner)

    @extend_schema(request=None)
    @coupon.mapping.delete
    def remove_coupon(self, request: Request) -> HttpResponse:
        """Remove the coupon."""
        owner = self.owner()
        return self.reply(services.remove_coupon(owner=owner), owner)


@extend_schema(parameters=[CART_TOKEN], responses={200: CartSerializer})
class CartItemViewSet(CartReplyMixin, viewsets.GenericViewSet):
    """The items of the cart."""

    serializer_class = QuantitySerializer
    rate_scope = "cart"
    operation_ids = {
        "create": "addCartItem",
        "bulk_update": "setCartItems",
        "partial_update": "updateCartItem",
        "destroy": "removeCartItem",
    }
    errors = {
        "create": [VariantRequired, CartFull, TooManyUnits, NotFound, OutOfStock],
        "bulk_update": [CartFull, TooManyUnits, ProductUnavailable, OutOfStock],
        "partial_update": [ProductUnavailable, TooManyUnits, OutOfStock],
    }
    queryset = Cart.objects.none()
    lookup_value_regex = "[0-9a-f]{24}"

    def wanted_offers(self) -> dict[str, Any]:
        data = self.request.data if self.action == "create" else None
        if not isinstance(data, dict):
            return {}
        # Other values are refused when the body is validated.
        product, variant = (parse_object_id(data.get(name) or "") for name in ("product", "variant"))
        return {"variants": [variant]} if variant else {"product": product}

    @extend_schema(
        parameters=[NEW_CART_TOKEN],
        request=AddItemSerializer,
        responses={201: CartSerializer},
        examples=[
            CART_REPLY,
            OpenApiExample(
                "A variant", request_only=True, value={"variant": "6650c1f2a4b3c2d1e0f9a8b7", "quantity": 2}
            ),
        ],
    )
    def create(self, request: Request) -> HttpResponse:
        """Add an item."""
        owner = self.owner()
        cart = services.add_item(owner=owner, **self.validated(AddItemSerializer))
        return self.reply(cart, owner, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[NEW_CART_TOKEN],
        request=ItemQuantitySerializer(many=True),
        examples=[
            OpenApiExample(
                "Two lines",
                request_only=True,
                value=[
                    {"variant": "6650c1f2a4b3c2d1e0f9a8b7", "quantity": 2},
                    {"variant": "6650c1f2a4b3c2d1e0f9a8b8", "quantity": 0},
                ],
            )
        ],
    )
    def bulk_update(self, request: Request) -> HttpResponse:
        """Set the quantities of several variants, all or none. Other items stay; a quantity of 0 removes one."""
        owner = self.owner()
        wanted = validate(SetItemsSerializer, {"items": request.data}, context=self.get_serializer_context())
        return self.reply(services.set_quantities(owner=owner, quantities=wanted["items"]), owner)

    @extend_schema(request=QuantitySerializer)
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        """Change the quantity of an item."""
        owner = self.owner()
        cart = services.set_quantity(owner=owner, item=ObjectId(pk), **self.validated())
        return self.reply(cart, owner)

    @extend_schema(request=None)
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        """Remove an item."""
        owner = self.owner()
        return self.reply(services.remove_item(owner=owner, item=ObjectId(pk)), owner)
