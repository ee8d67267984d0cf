from typing import Any

from bson import ObjectId
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from accounts.authentication import UserRequest
from orders.errors import OrderNotFulfillable, UnknownLine
from orders.fulfilments import services
from orders.fulfilments.serializers import FulfilmentSerializer, ParcelChangeSerializer, ShipSerializer
from orders.models import Order
from shop.api import idempotency
from shop.api.bodies import BodyValidationMixin
from shop.api.permissions import HasModelPermission
from shop.api.serializing import represent
from shop.db import identifiers

NUMBER = OpenApiParameter("number", str, OpenApiParameter.PATH, description="The order's number.")
PARCEL_EXAMPLE = OpenApiExample(
    "Two units of a line",
    request_only=True,
    value={
        "lines": [{"line": "6650c1f2a4b3c2d1e0f9a8b7", "quantity": 2}],
        "carrier": "DHL",
        "tracking_number": "00340434161094042557",
    },
)


class FulfilmentViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """Parcels of an order."""

    request: UserRequest
    queryset = Order.objects.none()
    serializer_class = FulfilmentSerializer
    permission_classes = [HasModelPermission]
    pagination_class = None
    lookup_value_regex = "[0-9a-f]{24}"
    operation_ids = {"create": "createFulfilment", "partial_update": "updateFulfilment"}
    errors = {
        "create": [NotFound, UnknownLine, OrderNotFulfillable, *idempotency.ERRORS],
        "partial_update": [NotFound, OrderNotFulfillable],
    }

    def get_required_permission(self) -> str | None:
        # Not `self.action`: OPTIONS asks about other methods.
        return "orders.change_order" if (self.request.method or "").lower() in self.action_map else None

    @property
    def order(self) -> Order:
        return get_object_or_404(Order.objects.all(), number=self.kwargs["number"])

    @extend_schema(
        parameters=[NUMBER, *idempotency.HEADERS],
        request=ShipSerializer,
        responses={201: FulfilmentSerializer},
        examples=[PARCEL_EXAMPLE],
    )
    def create(self, request: UserRequest, number: str) -> Response:
        """Ship a parcel with some units of the order's lines, or with all that is left (staff only).

        The customer receives a mail with its contents and the tracking link. An order has at most 50 parcels.
        """
        scope = f"orders.ship.{identifiers.upper_code(number)}"
        return idempotency.run_once(request, scope=scope, replay=self.replay, work=self.ship)

    def ship(self) -> Response:
        order = services.ship(order=self.order, **self.validated(ShipSerializer))
        return self.reply(order, order.fulfilments[-1].key, status=status.HTTP_201_CREATED)

    def replay(self, reference: str) -> Response:
        return self.reply(self.order, ObjectId(reference))

    @extend_schema(parameters=[NUMBER], request=ParcelChangeSerializer, responses=FulfilmentSerializer)
    def partial_update(self, request: UserRequest, number: str, pk: str) -> Response:
        """Correct the tracking of a parcel, or mark it as delivered (staff only).

        The order is delivered once nothing is left to ship and all its parcels are delivered.
        """
        key = ObjectId(pk)
        try:
            order = services.change_parcel(order=self.order, key=key, **self.validated(ParcelChangeSerializer))
        except Order.DoesNotExist as error:
            raise NotFound from error
        return self.reply(order, key)

    def reply(self, order: Order, key: ObjectId, **options: Any) -> Response:
        parcel = next(parcel for parcel in order.fulfilments if parcel.key == key)
        return Response(represent(FulfilmentSerializer, parcel, context=self.get_serializer_context()), **options)
