from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.authentication import UserRequest
from accounts.errors import UnknownState
from accounts.views import CART_TOKEN_HEADER, cart_token_of
from cart.errors import CartChanged, EmptyCart, InvalidCoupon
from cart.views import cart_owner_of
from catalog.errors import OutOfStock
from orders import hooks, lost_links, placing, services, staff
from orders.access import ORDER_TOKEN, AccountOrCartToken, AccountOrOrderToken, named_by_token, orders_of
from orders.errors import (
    AmountTooLarge,
    AmountTooSmall,
    InvalidShippingMethod,
    InvalidTaxAddress,
    InvoiceNotIssued,
    NoShippingMethod,
    OrderNotCancellable,
    OrderNotFulfillable,
    ShippingAddressRequired,
    TaxUnavailable,
    TooManyUnpaidOrders,
    TooManyUnpaidOrdersHere,
    TotalChanged,
)
from orders.events import Actor
from orders.examples import ORDER_REPLY, QUOTE_REPLY
from orders.fulfilments import services as fulfilments
from orders.fulfilments.serializers import FulfilSerializer
from orders.invoices.views import InvoiceActions
from orders.list_parameters import OrderQuerySerializer
from orders.listing import OrderPagination, order_query
from orders.models import Order
from orders.placing_serializers import PlaceOrderSerializer, QuoteRequestSerializer
from orders.pricing import Quote, quote
from orders.serializers import (
    CancelSerializer,
    OrderLookupSerializer,
    OrderSerializer,
    PlacedOrderSerializer,
    QuoteSerializer,
)
from orders.shipping.models import ShippingMethod
from orders.shipping.serializers import ShippingMethodSerializer
from orders.staff_views import OF_STAFF, StaffChangesMixin
from orders.tokens import new_token
from shop.api import idempotency
from shop.api.permissions import HasAccount, staff_may
from shop.api.query import validated_query
from shop.api.rate_limits import ip_address_of, network_address_of, throttle
from shop.api.serializing import represent
from shop.jobs.email_addresses import mailbox_of

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
GUEST_ORDER_EXAMPLE = OpenApiExample(
    "Of a guest", request_only=True, value={"email": "ada@example.com", **ORDER_EXAMPLE.value}
)
LOOKUP_EXAMPLE = OpenApiExample(
    "An order", request_only=True, value={"number": "7KQ2M-X94TB", "email": "ada@example.com"}
)
GUEST_CART_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER, str, OpenApiParameter.HEADER, description="Token of a guest's cart, in place of an account."
)


class ShippingMethodViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Shipping methods; the first is the default."""

    queryset = ShippingMethod.objects.filter(is_active=True).order_by("position", "id")
    operation_ids = {"list": "listShippingMethods"}
    serializer_class = ShippingMethodSerializer
    permission_classes = [AllowAny]
    pagination_class = None

    def list(self, request: Request) -> Response:
        """List the shipping methods, the default first. Their prices for a cart and an address are in the quote."""
        return super().list(request)


PICKUP_EXAMPLE = OpenApiExample("To be picked up", request_only=True, value={"shipping_method": "pickup"})
PRICING_ERRORS = (
    NotFound,
    EmptyCart,
    InvalidCoupon,
    InvalidShippingMethod,
    NoShippingMethod,
    ShippingAddressRequired,
    UnknownState,
    InvalidTaxAddress,
    AmountTooSmall,
    AmountTooLarge,
    OutOfStock,
    TaxUnavailable,
)


GUEST_PERMISSIONS: dict[str, type[BasePermission]] = {
    "quote": AccountOrCartToken,
    "create": AccountOrCartToken,
    "retrieve": AccountOrOrderToken,
    "cancel": AccountOrOrderToken,
    "invoice": AccountOrOrderToken,
    "credit_note": AccountOrOrderToken,
    "lookup": AllowAny,
}


SEEN, CHANGED = ("orders.view_order",), ("orders.view_order", "orders.change_order")
READ_BY_KEYS = dict.fromkeys(("list", "retrieve", "invoice", "credit_note"), SEEN)
CHANGED_BY_KEYS = dict.fromkeys(
    ("partial_update", "correction_quote", "notes", "cancel", "cancel_unshipped", "fulfil"), CHANGED
)


class OrderViewSet(InvoiceActions, StaffChangesMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The user's own orders, or the one of the `X-Order-Token`; staff see all."""

    request: UserRequest
    serializer_class = OrderSerializer
    queryset = Order.objects.none()
    permission_classes = [HasAccount]
    key_permissions = {**READ_BY_KEYS, **CHANGED_BY_KEYS}
    pagination_class = OrderPagination
    lookup_field = "number"
    operation_ids = {
        "list": "listOrders",
        "create": "placeOrder",
        "quote": "quoteOrder",
        "lookup": "requestOrderLink",
        "retrieve": "getOrder",
        "cancel": "cancelOrder",
        "cancel_unshipped": "cancelUnshippedUnits",
        "fulfil": "fulfilOrder",
        "partial_update": "updateOrder",
        "correction_quote": "quoteOrderCorrection",
        "notes": "addOrderNote",
        "invoice": "downloadInvoice",
        "credit_note": "downloadCreditNote",
    }
    rate_scopes = {
        "create": "order",
        "quote": "order",
        "cancel": "order",
        "lookup": "order_lookup",
        "invoice": "document",
        "credit_note": "document",
    }
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
        "cancel_unshipped": [PermissionDenied, OrderNotCancellable, *hooks.refund_units.errors],
        **OF_STAFF,
        "invoice": [InvoiceNotIssued],
    }
    lookup_value_regex = "[0-9A-Za-z-]+"

    def get_permissions(self) -> list[Any]:
        permission = GUEST_PERMISSIONS.get(self.action)
        return [permission()] if permission else [*super().get_permissions()]

    def get_queryset(self) -> QuerySet[Order]:
        return Order.objects.all() if staff_may(self.request.user, "orders.view_order") else orders_of(self.request)

    @extend_schema(parameters=[OrderQuerySerializer])
    def list(self, request: UserRequest) -> Response:
        """List orders, newest first; with `updated_since` by the last change, oldest first."""
        owner = None if staff_may(request.user, "orders.view_order") else request.user.pk
        query: Any = order_query(owner=owner, filters=validated_query(OrderQuerySerializer, request.query_params))
        orders = self.paginate_queryset(query) or []
        context = self.context_of(*orders)
        return self.get_paginated_response([represent(OrderSerializer, order, context=context) for order in orders])

    @extend_schema(
        parameters=[*idempotency.HEADERS, GUEST_CART_TOKEN],
        request=PlaceOrderSerializer,
        responses={201: PlacedOrderSerializer},
        examples=[ORDER_EXAMPLE, PICKUP_EXAMPLE, GUEST_ORDER_EXAMPLE, ORDER_REPLY],
    )
    def create(self, request: UserRequest) -> Response:
        """Place an order for the items in the cart. Stock is reserved and the cart emptied in one transaction.

        Guests send their `X-Cart-Token` and an `email`, and receive a `token` for this order.
        """
        return idempotency.run_once(
            request, scope="orders.place", replay=self.replay, work=self.place, guest=cart_token_of(request)
        )

    def place(self) -> Response:
        order = placing.place_order(
            owner=cart_owner_of(self.request),
            network_address=network_address_of(self.request),
            **self.validated(PlaceOrderSerializer),
        )
        return self.reply_to_buyer(order, status=status.HTTP_201_CREATED)

    def replay(self, reference: str) -> Response:
        user = self.request.user
        # A guest's key belongs to the cart that the order was placed with.
        own = Order.objects.owned_by(user) if user.is_authenticated else Order.objects.open_to_tokens()
        return self.reply_to_buyer(get_object_or_404(own, number=reference))

    def reply_to_buyer(self, order: Order, **options: Any) -> Response:
        if not self.request.user.is_authenticated:
            order.token = new_token(order)
        return self.reply(order, PlacedOrderSerializer, **options)

    @extend_schema(
        parameters=[GUEST_CART_TOKEN],
        request=QuoteRequestSerializer,
        responses=QuoteSerializer,
        examples=[ORDER_EXAMPLE, DESTINATION_EXAMPLE, PICKUP_EXAMPLE, GUEST_ORDER_EXAMPLE, QUOTE_REPLY],
    )
    @action(detail=False, methods=["post"])
    def quote(self, request: UserRequest) -> Response:
        """Price an order with this body. Nothing is written.

        Country, state and postal code of `shipping_address` are enough to see which shipping methods serve it, at which
        prices. Gives the same errors as placing the order, except those about `expected_total`, limits of unpaid orders
        and, for guests and accounts with an unverified address, the limit per customer of a coupon.
        """
        wanted = self.validated(QuoteRequestSerializer)
        quoted = quote(
            owner=cart_owner_of(request),
            address=wanted["address"],
            shipping_method=wanted.get("shipping_method"),
        )
        quoted.require_chargeable()
        return self.reply(quoted, QuoteSerializer)

    @extend_schema(request=OrderLookupSerializer, responses={202: None}, examples=[LOOKUP_EXAMPLE])
    @action(detail=False, methods=["post"])
    def lookup(self, request: UserRequest) -> Response:
        """Mail a new link to an order that was placed without an account. The response is the same for any order."""
        wanted = self.validated(OrderLookupSerializer)
        throttle("order_lookup_account", mailbox_of(wanted["email"]), ip_address=ip_address_of(request))
        lost_links.request_link(**wanted)
        return Response(status=status.HTTP_202_ACCEPTED)

    @extend_schema(parameters=[ORDER_TOKEN])
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an order. After a payment, ask until it is `paid`: Stripe notifies the shop moments later."""
        return self.reply(self.get_object())

    @extend_schema(parameters=[ORDER_TOKEN], request=CancelSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: UserRequest, number: str) -> Response:
        """Cancel an order that has not shipped. Stock is released, and payments are refunded."""
        order = self.get_object()
        own = order.number == named_by_token(request) or (
            order.user_id is not None and order.user_id == request.user.pk
        )
        if not own and not staff_may(self.request.user, "orders.change_order"):
            raise PermissionDenied
        actor = Actor.CUSTOMER if own else Actor.STAFF
        services.cancel_order(order=order, actor=actor, **self.validated(CancelSerializer))
        return self.reply(self.get_object())

    @extend_schema(request=CancelSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"], url_path="cancel-unshipped")
    def cancel_unshipped(self, request: UserRequest, number: str) -> Response:
        """Cancel the units that are left of a partially shipped order (staff only).

        Their stock is released, and what was paid for them is refunded. Shipping is not.
        """
        if not staff_may(self.request.user, "orders.change_order"):
            raise PermissionDenied
        order = fulfilments.cancel_unshipped(order=self.get_object(), **self.validated(CancelSerializer))
        return self.reply(order)

    @extend_schema(request=FulfilSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def fulfil(self, request: UserRequest, number: str) -> Response:
        """Ship all that is left in one parcel, or mark all parcels as delivered (staff only)."""
        order = fulfilments.fulfil_order(order=self.get_object_of_staff(), **self.validated(FulfilSerializer))
        return self.reply(order)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "internal": staff_may(self.request.user, "orders.view_order")}

    def context_of(self, *orders: Order) -> dict[str, Any]:
        context = self.get_serializer_context()
        return context | {"staff": staff.names_in(orders)} if context["internal"] else context

    def reply(
        self, shown: Order | Quote, serializer_class: type[Serializer] = OrderSerializer, **options: Any
    ) -> Response:
        context = self.context_of(shown) if isinstance(shown, Order) else self.get_serializer_context()
        return Response(represent(serializer_class, shown, context=context), **options)
