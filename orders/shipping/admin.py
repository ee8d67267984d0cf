from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django_countries import countries
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from orders.shipping import services
from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from shop.admin.base import SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.fields import MoneyFieldsMixin
from shop.admin.html import price

# Names of places that the list of zones shows.
_SHOWN = 6


class PlacesField(forms.CharField):
    """Texts, separated by commas or lines."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
        super().__init__(widget=widget, required=False, max_length=ShippingZone.LONGEST_PLACES, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return [part for line in text.splitlines() for each in line.split(",") if (part := each.strip())]

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.clean(data) != (initial or [])
        except ValidationError:
            return True


class ShippingZoneForm(forms.ModelForm):
    countries = PlacesField(
        help_text="ISO 3166 codes: DE, AT, CH. Without any place, the zone is the rest of the world."
    )
    states = PlacesField(help_text="ISO 3166-2 codes: US-AK, US-HI. Addresses in these countries then need a state.")
    postal_codes = PlacesField(
        label="Postal codes", help_text="Codes, beginnings and ranges by country: DE 27498, GB BT*, US 96701..96898."
    )

    class Meta:
        model = ShippingZone
        fields = ("name", "countries", "states", "postal_codes")


@admin.register(ShippingZone)
class ShippingZoneAdmin(SingleDeleteMixin, TransactionalModelAdmin):
    form = ShippingZoneForm
    list_display = ("name", "places")
    is_small = True
    ordering = ("name",)
    fields = ("name", "countries", "states", "postal_codes")

    def deletion_blocker(self, zone: ShippingZone) -> str:
        return services.use_of_zone(zone)

    @display(description="Places")
    def places(self, zone: ShippingZone) -> str:
        if zone.is_everywhere:
            return "the rest of the world"
        names = [*(countries.name(code) or code for code in zone.countries), *zone.states, *zone.postal_codes]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + more


class ShippingRateInline(MoneyFieldsMixin, TabularInline):
    model = ShippingRate
    fields = ("zone", "price", "free_from", "min_weight", "max_weight", "min_subtotal", "max_subtotal")
    money_fields = ("price", "free_from", "min_subtotal", "max_subtotal")
    verbose_name = "price by zone"
    verbose_name_plural = (
        "prices by zone: the closest zone of an address counts, and of several bands that fit, the lowest price"
    )
    hide_title = True
    extra = 0


@admin.register(ShippingMethod)
class ShippingMethodAdmin(SingleDeleteMixin, TransactionalModelAdmin):
    inlines = (ShippingRateInline,)
    list_display = ("name", "code", "shown_price", "zones", "position", "is_pickup", "is_active")
    list_filter = (("is_active", BooleanRadioFilter),)
    list_prefetch_related = {"rates": ("method", "zone", "price"), "rates__zone": ("name",)}
    is_small = True
    money_fields = ("price",)
    prepopulated_fields = {"code": ("name",)}
    fieldsets = (
        (None, {"fields": (("name", "code"), "description", ("price", "position"), "is_active")}),
        (
            "Pick-up",
            {
                "fields": (
                    "is_pickup",
                    ("pickup_line1", "pickup_line2"),
                    ("pickup_postal_code", "pickup_city"),
                    ("pickup_country", "pickup_state"),
                )
            },
        ),
    )

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: list, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        services.bump_revisions(form.instance)

    def deletion_blocker(self, method: ShippingMethod) -> str:
        return services.use_of_method(method)

    @display(description="Price", ordering="price")
    def shown_price(self, method: ShippingMethod) -> str:
        prices = [rate.price for rate in method.rates.all()] or [method.price]
        lowest, highest = min(prices), max(prices)
        return price(lowest) if lowest == highest else f"{price(lowest)} – {price(highest)}"

    @display(description="Zones")
    def zones(self, method: ShippingMethod) -> str:
        return ", ".join(dict.fromkeys(rate.zone.name for rate in method.rates.all())) or "everywhere"
