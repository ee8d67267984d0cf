from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from catalog import price_changes
from catalog.errors import PriceOutOfRange, TooManyPrices
from catalog.models import Product, Variant
from catalog.price_changes import CompareAtPriceRule, Kind, PriceChange, Rounding, Rule
from shop.admin.html import page_context, price
from shop.admin.refusals import add_refusal
from shop.api.object_ids import parse_object_id

# Limits per request.
MAX_PRODUCTS, MAX_PRICES = 2000, 5000
# Changes that the preview shows; all of them are applied.
SHOWN = 100
PLAN_SECONDS = 3600
_SALT = "catalog.price_changes"


class RuleForm(forms.Form):
    kind = forms.ChoiceField(choices=Kind, label="Type", widget=UnfoldAdminSelectWidget)
    by = forms.DecimalField(
        min_value=Decimal("0.001"),
        max_digits=14,
        decimal_places=3,
        label="Amount",
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=f"For example 10 for 10%, or an amount in {settings.CURRENCY.upper()}.",
    )
    rounding = forms.ChoiceField(
        choices=[(each.value, each.words.capitalize()) for each in Rounding],
        label="Rounding",
        widget=UnfoldAdminSelectWidget,
    )
    compare_at = forms.ChoiceField(
        choices=CompareAtPriceRule,
        label="Compare-at price",
        widget=UnfoldAdminSelectWidget,
        help_text="Shown struck through. Removed if it is not above the new price.",
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if cleaned.get("kind") == Kind.LOWER_PERCENT and cleaned.get("by", 0) > 100:
            self.add_error("by", ValidationError("At most 100 percent.", code="max_value"))
        return cleaned

    @property
    def rule(self) -> Rule:
        return Rule(Kind(self.cleaned_data["kind"]), self.cleaned_data["by"], Rounding(self.cleaned_data["rounding"]))


class PriceChangesMixin(ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.price_changes_view)
        return [path("price-changes/", view, name="catalog_product_price_changes"), *super().get_urls()]

    def has_prices_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(["catalog.change_product", "catalog.change_variant"])

    @admin.action(description="Change prices…", permissions=["prices"])
    def change_prices(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse:
        products = list(queryset.values_list("pk", flat=True))
        return self._page(request, RuleForm(), products, back=request.get_full_path())

    def price_changes_view(self, request: HttpRequest) -> HttpResponse:
        """Handle each step by POST: rule, preview, confirmation."""
        if not self.has_prices_permission(request):
            raise PermissionDenied
        back = request.POST.get("back", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
            back = reverse("admin:catalog_product_changelist")
        if "plan" in request.POST:
            return self._confirmed(request, back)
        products = [pk for pk in map(parse_object_id, request.POST.get("products", "").split(",")) if pk]
        if not products:
            return HttpResponseRedirect(back)
        products = products[:MAX_PRODUCTS]
        form = RuleForm(request.POST)
        if "again" in request.POST or not form.is_valid():
            return self._page(request, form, products, back=back)
        try:
            changes = price_changes.plan(products=products, rule=form.rule, at_most=MAX_PRICES)
        except (PriceOutOfRange, TooManyPrices) as error:
            add_refusal(form, error)
            return self._page(request, form, products, back=back)
        plan = {
            "compare_at": form.cleaned_data["compare_at"],
            "changes": [[str(value) for value in each] for each in changes],
        }
        return self._page(
            request,
            form,
            products,
            back=back,
            rule=str(form.rule),
            rows=_rows(changes[:SHOWN]),
            changed=len(changes),
            more=max(0, len(changes) - SHOWN),
            plan=signing.dumps(plan, salt=_SALT, compress=True),
        )

    def _page(
        self, request: HttpRequest, form: RuleForm, products: Sequence[ObjectId], *, back: str, **shown: Any
    ) -> HttpResponse:
        context = {
            **page_context(self, request, "Change prices"),
            "form": form,
            "number": len(products),
            "products": ",".join(map(str, products)),
            "url": reverse("admin:catalog_product_price_changes"),
            "back": back,
            **shown,
        }
        return TemplateResponse(request, "admin/catalog/change_prices.html", context)

    def _confirmed(self, request: HttpRequest, back: str) -> HttpResponse:
        try:
            plan = signing.loads(request.POST["plan"], salt=_SALT, max_age=PLAN_SECONDS)
        except signing.BadSignature:
            self.message_user(request, "The preview has expired. Create a new one.", messages.ERROR)
            return HttpResponseRedirect(back)
        changes = [
            PriceChange(ObjectId(product), ObjectId(variant), Decimal(old), Decimal(new))
            for product, variant, old, new in plan["changes"]
        ]
        done = set(price_changes.apply(changes, compare_at=CompareAtPriceRule(plan["compare_at"])))
        if done:
            self.message_user(request, f"{_prices(done)} changed.", messages.SUCCESS)
        if missed := [each for each in changes if each not in done]:
            self.message_user(request, _skipped(missed), messages.WARNING)
        return HttpResponseRedirect(back)


def _rows(changes: Sequence[PriceChange]) -> list[dict[str, Any]]:
    names = dict(Product.objects.filter(pk__in={each.product for each in changes}).values_list("pk", "name"))
    variants = Variant.objects.in_bulk([each.variant for each in changes])
    return [
        {
            "name": names.get(each.product, ""),
            "variant": variants.get(each.variant, ""),
            "old": price(each.old),
            "new": price(each.new),
            "difference": f"{(each.new - each.old) / each.old * 100:+.1f}%" if each.old else "",
        }
        for each in changes
    ]


def _skipped(changes: Sequence[PriceChange]) -> str:
    variants = Variant.objects.filter(pk__in=[each.variant for each in changes]).order_by("sku")
    named = ", ".join(variants.values_list("sku", flat=True)[:5]) + (" and others" if len(changes) > 5 else "")
    were = "was" if len(changes) == 1 else "were"
    return f"{_prices(changes)} changed since the preview and {were} skipped: {named or 'deleted variants'}."


def _prices(changes: Collection[PriceChange]) -> str:
    return f"{len(changes):,} price{pluralize(len(changes))}"
