from django.contrib import admin
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from orders.models import Order, ShippingMethod, TaxRate
from shop.admin.base import SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.html import price


@admin.register(ShippingMethod)
class ShippingMethodAdmin(SingleDeleteMixin, TransactionalModelAdmin):
    list_display = ("name", "code", "shown_price", "position", "is_pickup", "is_active")
    list_filter = (("is_active", BooleanRadioFilter),)
    is_small = True
    money_fields = ("price",)
    prepopulated_fields = {"code": ("name",)}
    fields = (
        ("name", "code"),
        "description",
        ("price", "position"),
        "is_active",
        "is_pickup",
        ("pickup_country", "pickup_state"),
    )

    def deletion_blocker(self, method: ShippingMethod) -> str:
        # No index: deletions are rare.
        used = Order.objects.filter(shipping_method=method.code).exists()
        return f"{method} was used by orders. Deactivate it instead." if used else ""

    @display(description="Price", ordering="price")
    def shown_price(self, method: ShippingMethod) -> str:
        return price(method.price)


@admin.register(TaxRate)
class TaxRateAdmin(TransactionalModelAdmin):
    list_display = ("country", "state", "shown_rate", "applies_to_shipping")
    list_display_links = ("country",)
    is_small = True
    search_fields = ("country", "state")
    ordering = ("country", "state")
    fields = (("country", "state"), ("rate", "applies_to_shipping"))

    @display(description="Rate")
    def shown_rate(self, rate: TaxRate) -> str:
        return f"{rate.rate.normalize():f}%"
