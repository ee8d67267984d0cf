from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.authentication import UserRequest
from accounts.errors import UnknownState
from cart.errors import CartChanged, EmptyCart, InvalidCoupon
from cart.owners import CartOwner
from catalog.errors import OutOfStock
from orders import placing, services
from orders.errors import (
    AmountTooLarge,
    AmountTooSmall,
    InvalidShippingMethod,
    NoShippingMethod,
    OrderNotCancellable,
    OrderNotFulfillable,
    TaxUnavailable,
    TooManyUnpaidOrders,
    TooManyUnpaidOrdersHere,
    TotalChanged,
)
from orders.lifecycle import Actor
from orders.listing import OrderPagination, order_query
from orders.models import Order
from orders.pricing import Quote, quote
from orders.serializers import (
    CancelSerializer,
    FulfilSerializer,
    OrderQuerySerializer,
    OrderSerializer,
    PlaceOrderSerializer,
    QuoteRequestSerializer,
    QuoteSerializer,
)
from orders.shipping.models import ShippingMethod
from orders.shipping.serializers import ShippingMethodSerializer
from shop.api import idempotency
from shop.api.bodies import BodyValidationMixin
from shop.api.permissions import staff_may
from shop.api.query import validated_query
from shop.api.rate_limits import network_address_of
from shop.api.serializing import represent

ORDER_EXAMPLE = OpenApiExample(
    "To an address",
    request_only=True,
    value={
        "shipping_address": {
            "name": "Ada Lovelace",
            "line1": "12 St James's Square",
            "city": "London",
            "postal_code": "SW1Y 4JH",
            "country": "GB",
            "phone": "+44 20 7946 0000",
        },
        "shipping_method": "standard",
        "note": "Please ring twice.",
    },
)


DESTINATION_EXAMPLE = OpenApiExample(
    "To a place",
    request_only=True,
    value={"shipping_address": {"country": "US", "state": "CA", "postal_code": "94016"}},
)


class ShippingMethodViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Shipping methods; the first is the default."""

    queryset = ShippingMethod.objects.filter(is_active=True).order_by("position", "id")
    serializer_class = ShippingMethodSerializer
    permission_classes = [AllowAny]
    pagination_class = None


PRICING_ERRORS = (
    NotFound,
    EmptyCart,
    InvalidCoupon,
    InvalidShippingMethod,
    NoShippingMethod,
    UnknownState,
    AmountTooSmall,
    AmountTooLarge,
    OutOfStock,
    TaxUnavailable,
)


class OrderViewSet(BodyValidationMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The user's own orders; staff see all."""

    request: UserRequest
    serializer_class = OrderSerializer
    queryset = Order.objects.none()
    permission_classes = [IsAuthenticated]
    pagination_class = OrderPagination
    lookup_field = "number"
    rate_scopes = {"create": "order", "quote": "order", "cancel": "order"}
    errors = {
        "list": [ValidationError],
        "quote": PRICING_ERRORS,
        "create": [
            *PRICING_ERRORS,
            TotalChanged,
            CartChanged,
            *idempotency.ERRORS,
            TooManyUnpaidOrders,
            TooManyUnpaidOrdersHere,
        ],
        "cancel": [PermissionDenied, OrderNotCancellable],
        "fulfil": [PermissionDenied, OrderNotFulfillable],
    }
    lookup_value_regex = "[0-9A-Za-z-]+"

    def owner(self) -> CartOwner:
        return CartOwner(user=self.request.user)

    def get_queryset(self) -> QuerySet[Order]:
        orders = Order.objects.all()
        return orders if staff_may(self.request.user, "orders.view_order") else orders.owned_by(self.request.user)

    @extend_schema(parameters=[OrderQuerySerializer])
    def list(self, request: UserRequest) -> Response:
        """List orders, newest first."""
        owner = None if staff_may(request.user, "orders.view_order") else request.user.pk
        query: Any = order_query(owner=owner, filters=validated_query(OrderQuerySerializer, request.query_params))
        page = self.get_serializer(self.paginate_queryset(query), many=True)
        return self.get_paginated_response(page.data)

    @extend_schema(
        parameters=idempotency.HEADERS,
        request=PlaceOrderSerializer,
        responses={201: OrderSerializer},
        examples=[ORDER_EXAMPLE],
    )
    def create(self, request: UserRequest) -> Response:
        """Place an order for the items in the cart. Stock is reserved and the cart emptied in one transaction."""
        return idempotency.run_once(request, scope="orders.place", replay=self.replay, work=self.place)

    def place(self) -> Response:
        order = placing.place_order(
            owner=self.owner(),
            email=self.request.user.email,
            network_address=network_address_of(self.request),
            **self.validated(PlaceOrderSerializer),
        )
        return self.reply(order, status=status.HTTP_201_CREATED)

    def replay(self, reference: str) -> Response:
        order = get_object_or_404(Order.objects.owned_by(self.request.user), number=reference)
        return self.reply(order)

    @extend_schema(
        request=QuoteRequestSerializer, responses=QuoteSerializer, examples=[ORDER_EXAMPLE, DESTINATION_EXAMPLE]
    )
    @action(detail=False, methods=["post"])
    def quote(self, request: UserRequest) -> Response:
        """Price an order with this body. Nothing is written.

        Country, state and postal code of `shipping_address` are enough to see which shipping methods serve it, at which
        prices. Gives the same errors as placing the order, except those about `expected_total` and limits of unpaid
        orders.
        """
        wanted = self.validated(QuoteRequestSerializer)
        quoted = quote(
            owner=self.owner(),
            email=request.user.email,
            address=wanted["address"],
            shipping_method=wanted.get("shipping_method"),
        )
        quoted.require_chargeable()
        return self.reply(quoted, QuoteSerializer)

    @extend_schema(request=CancelSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: UserRequest, number: str) -> Response:
        """Cancel an order that has not shipped. Stock is released, and payments are refunded."""
        order = self.get_object()
        own = order.user_id == request.user.pk
        if not own and not staff_may(self.request.user, "orders.change_order"):
            raise PermissionDenied
        actor = Actor.CUSTOMER if own else Actor.STAFF
        services.cancel_order(order=order, actor=actor, **self.validated(CancelSerializer))
        return self.reply(self.get_object())

    @extend_schema(request=FulfilSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def fulfil(self, request: UserRequest, number: str) -> Response:
        """Mark the order as shipped or delivered (staff only)."""
        if not staff_may(self.request.user, "orders.change_order"):
            raise PermissionDenied
        order = services.fulfil_order(order=self.get_object(), **self.validated(FulfilSerializer))
        return self.reply(order)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "internal": staff_may(self.request.user, "orders.view_order")}

    def reply(
        self, shown: Order | Quote, serializer_class: type[Serializer] = OrderSerializer, **options: Any
    ) -> Response:
        return Response(represent(serializer_class, shown, context=self.get_serializer_context()), **options)
