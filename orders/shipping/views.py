from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.fields import get_error_detail

from orders.shipping import services
from orders.shipping.models import ShippingMethod, ShippingZone
from orders.shipping.services import InvalidRate
from orders.shipping.staff_serializers import ShippingZoneSerializer, StaffShippingMethodSerializer
from shop.api.resources import InUse, StaffResource, ValueTaken, operations


@operations("shipping zone", "shipping zones")
class ShippingZoneViewSet(StaffResource):
    """Zones of shipping prices, for staff."""

    queryset = ShippingZone.objects.all()
    serializer_class = ShippingZoneSerializer
    input_codes = ("item_invalid", "range")

    def remove(self, row: ShippingZone) -> None:
        if reason := services.use_of_zone(row):
            raise InUse(reason)
        row.delete()


@operations("shipping method", "shipping methods", prefix="Admin")
class StaffShippingMethodViewSet(StaffResource):
    """Shipping methods and places of pick-up with their prices by zone, also inactive ones, for staff."""

    queryset = ShippingMethod.objects.all()
    serializer_class = StaffShippingMethodSerializer
    taken_error = ValueTaken
    input_codes = ("unknown",)

    def get_queryset(self) -> QuerySet[ShippingMethod]:
        return ShippingMethod.objects.prefetch_related("rates")

    def save(self, row: ShippingMethod, *, changed: list[str], data: dict[str, Any]) -> None:
        super().save(row, changed=changed, data=data)
        if "rates" not in data:
            return
        try:
            if services.set_rates(method=row, rates=data["rates"]):
                changed.append("rates")
        except InvalidRate as error:
            raise ValidationError({"rates": {str(error.number): get_error_detail(error)}}) from error

    def remove(self, row: ShippingMethod) -> None:
        if reason := services.use_of_method(row):
            raise InUse(reason)
        row.delete()
