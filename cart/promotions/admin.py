from typing import Any, ClassVar

from bson import ObjectId
from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from cart.promotions import rules, services
from cart.promotions.models import Promotion
from cart.promotions.summary import summary
from catalog.models import Category, Collection, CollectionItem, Product, Variant
from shop.admin.base import SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.fields import TagsField
from shop.admin.html import badge
from shop.admin.lists import IndexedSearchMixin, ListIndex, OptionsFilter, in_order
from shop.db import identifiers

AppliesTo = Promotion.AppliesTo


class TargetsWidget(AutocompleteSelectMultiple):
    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Drop malformed ids, which the field would not."""
        return [each for each in super().value_from_datadict(data, files, name) or () if ObjectId.is_valid(each)]


def targets_field(model: type[Model], *, of: Field) -> forms.ModelMultipleChoiceField:
    """Return a field with autocompletion, which Django offers for foreign keys: those of ``of``."""
    widget = TargetsWidget(of, admin.site)
    return forms.ModelMultipleChoiceField(model._default_manager.all(), required=False, widget=widget)


class PromotionForm(forms.ModelForm):
    products = targets_field(Product, of=Variant._meta.get_field("product"))
    categories = targets_field(Category, of=Product._meta.get_field("category"))
    collections = targets_field(Collection, of=CollectionItem._meta.get_field("collection"))
    tags = TagsField(required=False, help_text="Separated by commas. The promotion applies to items with one of them.")
    # The fields of the targets, by `applies_to`.
    target_fields: ClassVar[dict[str, str]] = {
        AppliesTo.PRODUCTS: "products",
        AppliesTo.CATEGORIES: "categories",
        AppliesTo.COLLECTIONS: "collections",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        promotion: Promotion = self.instance
        if "code" in self.fields:
            self.fields["code"].required = self.fields["value"].required = False
            self.fields["value"].help_text = "In percent (100 is free), or an amount, by type."
        self.initial["code"] = promotion.shown_code
        if promotion.pk is None:
            self.initial["value"] = None
        if self.initial.get("value"):
            self.initial["value"] = promotion.shown_value
        if name := self.target_fields.get(promotion.applies_to):
            self.initial[name] = promotion.targets

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned, promotion = self.cleaned_data, self.instance
        field = self.target_fields.get(cleaned.get("applies_to", ""), "")
        values = {**cleaned}
        if field and field not in self.errors:
            values["targets"] = [each.pk for each in cleaned.get(field) or ()]
        following = rules.completed(values, former=promotion)
        targets = sorted(following.pop("targets", values.get("targets", promotion.targets)))
        if following.get("code", promotion.code) != promotion.code:
            # The form shows no code, so that it was not changed.
            self.changed_data.append("code")
        cleaned.update(following)
        for name, error in rules.faults(values | following).items():
            self.add_error(field if name == "targets" else name, error)
        if targets != sorted(promotion.targets):
            promotion.targets = targets
            # The admin saves only what changed.
            self.changed_data.append("targets")
        return cleaned


class StateFilter(OptionsFilter):
    title = "state"
    parameter_name = "state"

    options = {
        "active": (
            "Active",
            lambda rows: rows.filter(_in_time("valid_from", "lte"), _in_time("valid_until", "gt"), is_active=True),
        ),
        "scheduled": ("Scheduled", lambda rows: rows.filter(valid_from__gt=timezone.now(), is_active=True)),
        "expired": ("Expired", lambda rows: rows.filter(valid_until__lte=timezone.now(), is_active=True)),
        "inactive": ("Inactive", lambda rows: rows.filter(is_active=False)),
    }


def _in_time(field: str, comparison: str) -> Q:
    return Q(**{field: None}) | Q(**{f"{field}__{comparison}": timezone.now()})


@admin.register(Promotion)
class PromotionAdmin(SingleDeleteMixin, IndexedSearchMixin, TransactionalModelAdmin):
    form = PromotionForm
    list_display = ("label", "trigger", "sentence", "state", "times_used", "priority", "valid_until")
    list_filter = (StateFilter, ("kind", ChoicesDropdownFilter))
    list_index = ListIndex(("is_active", "kind"), serves=("state",))
    search_help_text = "Search code (from the start)"
    ordering = ("-pk",)
    sortable_by = ()
    money_fields = ("minimum_subtotal",)
    readonly_fields = ("sentence", "times_used")
    fieldsets = (
        (None, {"fields": ("sentence", ("name", "is_active"), ("automatic", "code"))}),
        (
            "Discount",
            {
                "fields": (
                    ("kind", "value"),
                    ("buy_quantity", "get_quantity"),
                    "applies_to",
                    "products",
                    "categories",
                    "collections",
                    "tags",
                )
            },
        ),
        ("Conditions", {"fields": (("minimum_subtotal", "minimum_quantity"), "first_order_only")}),
        (
            "Validity and limits",
            {
                "fields": ("valid_from", "valid_until", ("usage_limit", "usage_limit_per_customer"), "times_used"),
                "description": "An automatic promotion for first orders, or limited per customer, applies to accounts "
                "with a verified e-mail address only. Give others a code.",
            },
        ),
        ("With other promotions", {"fields": (("priority", "combinable"),)}),
    )
    conditional_fields = {
        "code": "!automatic",
        "value": "kind != 'free_shipping'",
        "buy_quantity": "kind == 'buy_x_get_y'",
        "get_quantity": "kind == 'buy_x_get_y'",
        "products": "applies_to == 'products'",
        "categories": "applies_to == 'categories'",
        "collections": "applies_to == 'collections'",
        "tags": "applies_to == 'tags'",
    }

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the free uses of the page's promotions by one command."""
        change_list = super().get_changelist_instance(request)
        change_list.result_list = list(change_list.result_list)
        services.set_free_uses(change_list.result_list)
        return change_list

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        promotion: Any = super().get_object(request, object_id, from_field)
        if promotion is not None:
            services.set_free_uses([promotion])
        return promotion

    def write(self, request: HttpRequest, obj: Promotion, form: PromotionForm, change: bool) -> None:
        services.save_promotion(promotion=obj, changed=form.changed_data)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return in_order(queryset, "code", identifiers.upper_code(text))

    def deletion_blocker(self, promotion: Promotion) -> str:
        return services.use_of_promotion(promotion)

    @display(description="Promotion")
    def label(self, promotion: Promotion) -> str:
        return promotion.label

    @display(description="Code")
    def trigger(self, promotion: Promotion) -> str:
        return promotion.shown_code or "automatic"

    @display(description="In short")
    def sentence(self, promotion: Promotion) -> str:
        return summary(promotion) if promotion.pk else "Shown once it is saved."

    @display(description="State")
    def state(self, promotion: Promotion) -> str:
        kinds = {Promotion.State.ACTIVE: "success", Promotion.State.SCHEDULED: "info"}
        return badge(promotion.state.capitalize(), kinds.get(promotion.state, ""))

    @display(description="Used")
    def times_used(self, promotion: Promotion) -> str:
        used = promotion.times_used
        return f"{used:,}" if promotion.usage_limit is None else f"{used:,} of {promotion.usage_limit:,}"
