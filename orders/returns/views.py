from collections.abc import Callable
from typing import Any

from bson import ObjectId
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.authentication import UserRequest
from orders import hooks
from orders.access import ORDER_TOKEN, AccountOrOrderToken, named_by_token, order_token_of, orders_of
from orders.errors import (
    NothingReceived,
    OrderNotReturnable,
    ReturnNotOpen,
    ReturnWindowClosed,
    TooManyReturns,
    UnitsNotExpected,
    UnitsNotReturnable,
    UnknownLine,
    WithdrawalNotRejectable,
)
from orders.events import Actor
from orders.examples import RETURN_REPLY
from orders.models import Order
from orders.returns import services
from orders.returns.models import OrderReturn
from orders.returns.serializers import (
    ApproveSerializer,
    ReceiveSerializer,
    RejectSerializer,
    RequestReturnSerializer,
    ReturnPreviewSerializer,
    ReturnSerializer,
    with_refunds,
)
from orders.returns.states import return_of
from shop.api import idempotency
from shop.api.bodies import BodyValidationMixin
from shop.api.permissions import HasAccount, staff_may
from shop.api.serializing import represent
from shop.db import identifiers

NUMBER = OpenApiParameter("number", str, OpenApiParameter.PATH, description="The order's number.")
RETURN_EXAMPLE = OpenApiExample(
    "One unit of a line",
    request_only=True,
    value={"lines": [{"line": "6650c1f2a4b3c2d1e0f9a8b7", "quantity": 1, "reason": "Too small"}], "withdrawal": False},
)
REQUEST_ERRORS = (
    NotFound,
    PermissionDenied,
    OrderNotReturnable,
    TooManyReturns,
    UnknownLine,
    UnitsNotReturnable,
    ReturnWindowClosed,
)
STAFF_ACTIONS = ("approve", "reject", "receive")


class ReturnViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """Returns and withdrawals of an order: of the user's own, or of that of the `X-Order-Token`; staff see all."""

    request: UserRequest
    queryset = Order.objects.none()
    serializer_class = ReturnSerializer
    permission_classes = [AccountOrOrderToken]
    key_permissions = {
        **dict.fromkeys(("list", "retrieve"), ("orders.view_order",)),
        **dict.fromkeys(("create", "preview", *STAFF_ACTIONS), ("orders.view_order", "orders.change_order")),
    }
    pagination_class = None
    lookup_value_regex = "[0-9a-f]{24}"
    operation_ids = {
        "list": "listReturns",
        "retrieve": "getReturn",
        "create": "requestReturn",
        "preview": "previewReturn",
        "approve": "approveReturn",
        "reject": "rejectReturn",
        "receive": "receiveReturn",
    }
    rate_scopes = {"create": "order", "preview": "order"}
    errors = {
        "create": [*REQUEST_ERRORS, *idempotency.ERRORS],
        "preview": REQUEST_ERRORS,
        "approve": [NotFound, PermissionDenied, ReturnNotOpen, *hooks.refund_units.errors],
        "reject": [NotFound, PermissionDenied, ReturnNotOpen, WithdrawalNotRejectable],
        "receive": [
            *(NotFound, PermissionDenied, ReturnNotOpen, UnknownLine, UnitsNotExpected, NothingReceived),
            *hooks.refund_units.errors,
        ],
    }

    def get_queryset(self) -> QuerySet[Order]:
        return Order.objects.all() if staff_may(self.request.user, "orders.view_order") else orders_of(self.request)

    def get_permissions(self) -> list[Any]:
        return [HasAccount()] if self.action in STAFF_ACTIONS else [*super().get_permissions()]

    @property
    def order(self) -> Order:
        return get_object_or_404(self.get_queryset(), number=self.kwargs["number"])

    @extend_schema(parameters=[NUMBER, ORDER_TOKEN], responses=ReturnSerializer(many=True))
    def list(self, request: UserRequest, number: str) -> Response:
        """Return the order's returns, oldest first."""
        return Response([self._shown(each) for each in with_refunds(self.order)])

    @extend_schema(parameters=[NUMBER, ORDER_TOKEN])
    def retrieve(self, request: UserRequest, number: str, pk: str) -> Response:
        """Return one of the order's returns."""
        return self.reply(self.order, ObjectId(pk))

    @extend_schema(
        parameters=[NUMBER, ORDER_TOKEN, *idempotency.HEADERS],
        request=RequestReturnSerializer,
        responses={201: ReturnSerializer},
        examples=[RETURN_EXAMPLE, RETURN_REPLY],
    )
    def create(self, request: UserRequest, number: str) -> Response:
        """Request a return, or with `withdrawal` withdraw from the contract.

        A withdrawal needs no reason and cannot be rejected; `preview/` is its first step, this call confirms it. The
        customer receives a mail with its date and time. An order has at most 20 returns.
        """
        return idempotency.run_once(
            request,
            scope=f"orders.return.{identifiers.upper_code(number)}",
            replay=self.replay,
            work=self.request_return,
            guest=order_token_of(request),
        )

    def request_return(self) -> Response:
        order = self.order
        actor = self.actor_for(order)
        order, created = services.request_return(order=order, actor=actor, **self.validated(RequestReturnSerializer))
        return self.reply(order, created.key, status=status.HTTP_201_CREATED)

    def replay(self, reference: str) -> Response:
        return self.reply(self.order, ObjectId(reference))

    def actor_for(self, order: Order) -> Actor:
        """Raises ``PermissionDenied`` for staff that may only see orders."""
        user = self.request.user
        if order.number == named_by_token(self.request) or (order.user_id is not None and order.user_id == user.pk):
            return Actor.CUSTOMER
        if not staff_may(user, "orders.change_order"):
            raise PermissionDenied
        return Actor.STAFF

    @extend_schema(
        parameters=[NUMBER, ORDER_TOKEN],
        request=RequestReturnSerializer,
        responses=ReturnPreviewSerializer,
        examples=[RETURN_EXAMPLE],
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: UserRequest, number: str) -> Response:
        """Return what a request would do, with the refund to expect. Nothing is written."""
        order = self.order
        self.actor_for(order)
        return self._respond(services.prepare_return(order, **self.validated(RequestReturnSerializer)))

    def _respond(self, prepared: OrderReturn) -> Response:
        return Response(represent(ReturnPreviewSerializer, prepared, context=self.get_serializer_context()))

    @extend_schema(parameters=[NUMBER], request=ApproveSerializer, responses=ReturnSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: UserRequest, number: str, pk: str) -> Response:
        """Approve a return (staff only). A withdrawal of units that were not shipped is refunded at once.

        While its payment is disputed, approve it without a `refund`.
        """
        return self.change(services.approve_return, ApproveSerializer)

    @extend_schema(parameters=[NUMBER], request=RejectSerializer, responses=ReturnSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: UserRequest, number: str, pk: str) -> Response:
        """Reject a return (staff only)."""
        return self.change(services.reject_return, RejectSerializer)

    @extend_schema(parameters=[NUMBER], request=ReceiveSerializer, responses=ReturnSerializer)
    @action(detail=True, methods=["post"])
    def receive(self, request: UserRequest, number: str, pk: str) -> Response:
        """Receive the units of an approved return, or those that have arrived, and refund them (staff only).

        The return is `refunded` once the refund has succeeded. If it fails, this call refunds it again.
        """
        return self.change(services.receive_return, ReceiveSerializer)

    def change(self, change: Callable[..., Order], serializer_class: type[Serializer]) -> Response:
        if not staff_may(self.request.user, "orders.change_order"):
            raise PermissionDenied
        order, key = self.order, ObjectId(self.kwargs["pk"])
        options = self.validated(serializer_class)
        try:
            refunds = self.action == "receive" or not return_of(order, key).has_goods
            if refunds and options.get("refund") and not staff_may(self.request.user, "payments.add_refund"):
                raise PermissionDenied
            change(order=order, key=key, **options)
        except Order.DoesNotExist as error:
            raise NotFound from error
        # The refund may have succeeded since.
        return self.reply(self.order, key)

    def reply(self, order: Order, key: ObjectId, **options: Any) -> Response:
        with_refunds(order)
        try:
            return Response(self._shown(return_of(order, key)), **options)
        except Order.DoesNotExist as error:
            raise NotFound from error

    def _shown(self, found: OrderReturn) -> dict[str, Any]:
        return represent(ReturnSerializer, found, context=self.get_serializer_context())
