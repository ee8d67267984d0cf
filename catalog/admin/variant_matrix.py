import hashlib
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminBigIntegerFieldWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from catalog import duplicates, variant_matrix
from catalog.admin.product_forms import OptionOrderField
from catalog.errors import TooManyVariants
from catalog.models import MAX_VARIANTS, Product, Variant
from catalog.variant_matrix import NewVariant
from shop.admin.dialogs import DialogForm, dialog, leave_dialog
from shop.admin.fields import MoneyFormField
from shop.admin.html import page_context, page_url
from shop.admin.refusals import add_refusal
from shop.api.errors import ShopError
from shop.db import identifiers


class MatrixForm(forms.Form):
    options = OptionOrderField(
        label="Options", help_text="One option per line with its values in the order in which they are shown."
    )
    pattern = forms.CharField(
        required=False,
        max_length=200,
        label="SKU pattern",
        widget=UnfoldAdminTextInputWidget,
        help_text="With option names in braces, such as TEE-{colour}-{size}. Made from the URL if left empty.",
    )
    price = MoneyFormField(label="Price of each")
    stock = forms.IntegerField(
        min_value=0,
        max_value=settings.MAX_QUANTITY,
        label="Stock of each",
        initial=0,
        widget=UnfoldAdminBigIntegerFieldWidget,
    )

    def clean_options(self) -> list[dict[str, Any]]:
        options: list[dict[str, Any]] = self.cleaned_data["options"]
        if not options:
            raise ValidationError("Enter at least one option, such as “size: S | M | L”.", code="required")
        return options


class NewVariantForm(forms.Form):
    chosen = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanWidget)
    sku = forms.CharField(max_length=64, widget=UnfoldAdminTextInputWidget)
    price = MoneyFormField()
    stock = forms.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, widget=UnfoldAdminBigIntegerFieldWidget)
    combination: dict[str, str]

    def clean_sku(self) -> str:
        return identifiers.code(self.cleaned_data["sku"])


class VariantMatrixMixin(ModelAdmin):
    """Buttons of a product's page: variants of all combinations, and a copy."""

    actions_detail = ("generate_variants", "duplicate")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.matrix_view)
        return [path("<path:object_id>/variants/", view, name="catalog_product_variants"), *super().get_urls()]

    def has_matrix_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perms(["catalog.change_product", "catalog.add_variant", "catalog.change_variant"])

    def has_duplicate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perms(["catalog.add_product", "catalog.add_variant", "catalog.add_productimage"])

    @action(description="Generate variants", icon="grid_view", url_path="generate", permissions=["matrix"])
    def generate_variants(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:catalog_product_variants", args=[object_id]))

    @dialog(
        button="Duplicate",
        icon="content_copy",
        permissions=["duplicate"],
        url_path="duplicate",
        title="Duplicate this product",
        text="The copy is a draft with the same variants and pictures, other SKUs and no stock.",
        submit="Duplicate",
    )
    def duplicate(self, request: HttpRequest, form: DialogForm, product: Product) -> HttpResponse:
        copy = duplicates.duplicate_product(product=product)
        self.message_user(request, f"{copy.name} is a draft: edit it, add stock, then publish it.")
        return leave_dialog(request, page_url("catalog.product", copy.pk), stay=False)

    def matrix_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Handle each step by POST: options, preview of the combinations, confirmation."""
        if not self.has_matrix_permission(request):
            raise PermissionDenied
        product = self.get_object(request, object_id)
        if product is None:
            raise Http404
        if request.method != "POST":
            return self._matrix_page(request, product, MatrixForm(initial=_initial(product)))
        form = MatrixForm(request.POST)
        if not form.is_valid() or "again" in request.POST:
            return self._matrix_page(request, product, form)
        try:
            combinations = variant_matrix.missing_combinations(product, form.cleaned_data["options"])
        except TooManyVariants as error:
            add_refusal(form, error)
            return self._matrix_page(request, product, form)
        rows = _rows(product, form.cleaned_data, combinations, request.POST if "save" in request.POST else None)
        if "save" in request.POST and _are_valid(rows):
            chosen = [row for row in rows if row.cleaned_data["chosen"]]
            try:
                added = variant_matrix.add_variants(
                    product=product,
                    variants=[
                        NewVariant(row.combination, *(row.cleaned_data[name] for name in ("sku", "price", "stock")))
                        for row in chosen
                    ],
                    options=form.cleaned_data["options"],
                    actor=str(request.user.pk),
                )
            except ShopError as error:
                add_refusal(form, error)
            else:
                self.message_user(request, f"{added} variant{pluralize(added)} added.")
                return HttpResponseRedirect(page_url("catalog.product", product.pk))
        return self._matrix_page(request, product, form, rows=rows, is_preview=True)

    def _matrix_page(self, request: HttpRequest, product: Product, form: MatrixForm, **shown: Any) -> HttpResponse:
        context = {
            **page_context(self, request, f"Generate variants of {product}"),
            "form": form,
            "most": MAX_VARIANTS,
            "back": page_url("catalog.product", product.pk),
            **shown,
        }
        return TemplateResponse(request, "admin/catalog/variant_matrix.html", context)


def _are_valid(rows: list[NewVariantForm]) -> bool:
    """Validate all, and refuse SKUs that are taken."""
    faulty = [row for row in rows if not row.is_valid()]
    chosen = [
        row for row in rows if row not in faulty and row.cleaned_data["chosen"] and not row.fields["sku"].disabled
    ]
    skus = [row.cleaned_data["sku"] for row in chosen]
    taken = {identifiers.key(sku) for sku in Variant.objects.with_skus(skus).values_list("sku", flat=True)}
    for row in chosen:
        if (key := identifiers.key(row.cleaned_data["sku"])) in taken:
            row.add_error("sku", ValidationError("Another variant has this SKU.", code="sku_taken"))
            faulty.append(row)
        taken.add(key)
    return not faulty


def _initial(product: Product) -> dict[str, Any]:
    options = product.options or product.option_order
    return {"options": options, "price": product.regular_price or product.price, "pattern": "", "stock": 0}


def _rows(
    product: Product, data: dict[str, Any], combinations: list[dict[str, str]], posted: Any
) -> list[NewVariantForm]:
    pattern = data["pattern"] or variant_matrix.default_pattern(product, data["options"])
    variants = list(Variant.objects.active().filter(product=product)[:2])
    rows = []
    for number, combination in enumerate(combinations):
        initial = {"chosen": True, "sku": variant_matrix.sku_of(pattern, combination)[:64]}
        initial |= {name: data[name] for name in ("price", "stock")}
        row = NewVariantForm(posted, prefix=_prefix(combination), initial=initial)
        row.combination = combination
        if number == 0 and len(variants) == 1 and not variants[0].options:
            _keep(row, variants[0])
        rows.append(row)
    return rows


def _prefix(combination: dict[str, str]) -> str:
    """Other variants may be added or removed between a preview and its confirmation, which moves the rows."""
    return f"row{hashlib.sha256(repr(identifiers.keys(combination)).encode()).hexdigest()[:16]}"


def _keep(row: NewVariantForm, variant: Variant) -> None:
    """Show the variant without options, which becomes this combination and keeps the rest."""
    row.initial.update(sku=variant.sku, price=variant.price, stock=variant.stock)
    for field in row.fields.values():
        field.disabled = True
