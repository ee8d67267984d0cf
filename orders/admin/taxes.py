from django.contrib import admin
from unfold.decorators import display

from orders.taxes.models import TaxRate
from shop.admin.base import TransactionalModelAdmin


@admin.register(TaxRate)
class TaxRateAdmin(TransactionalModelAdmin):
    list_display = ("country", "state", "tax_class", "label", "shown_rate", "applies_to_shipping")
    list_display_links = ("country",)
    is_small = True
    search_fields = ("country", "state")
    search_help_text = "Search code of country or state"
    ordering = ("country", "state", "tax_class")
    fields = (("country", "state"), ("tax_class", "label"), ("rate", "applies_to_shipping"))

    @display(description="Rate")
    def shown_rate(self, rate: TaxRate) -> str:
        return f"{rate.rate.normalize():f}%"
