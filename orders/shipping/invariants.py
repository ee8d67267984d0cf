from collections.abc import Iterator

from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from shop.audit import invariant


@invariant("a price of shipping has its method and its zone")
def rates_have_method_and_zone() -> Iterator[str]:
    methods = set(ShippingMethod.objects.values_list("pk", flat=True))
    zones = set(ShippingZone.objects.values_list("pk", flat=True))
    for rate in ShippingRate.objects.all():
        if rate.method_id not in methods or rate.zone_id not in zones:
            yield f"the price {rate.pk} has no method or no zone"
