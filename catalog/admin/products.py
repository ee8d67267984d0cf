from typing import Any

from bson import ObjectId
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten, model_ngettext
from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.decorators import display

from catalog import images, services, stock
from catalog.admin.exports import ExportMixin
from catalog.admin.price_changes import MAX_PRODUCTS, PriceChangesMixin
from catalog.admin.product_filters import BrandFilter, CollectionFilter, TagFilter
from catalog.admin.product_forms import PictureForm, PictureFormSet, ProductForm, VariantForm, VariantFormSet
from catalog.admin.variant_matrix import VariantMatrixMixin
from catalog.availability import StockPolicy
from catalog.listing.search import Search
from catalog.models import Product, ProductImage, StockMovement, Variant
from catalog.redirects import Kind, leave_redirect
from shop.admin.base import SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.fields import LinesWidget, MoneyFieldsMixin
from shop.admin.html import NO_PICTURE, badge, page_url, price, thumbnail
from shop.admin.lists import MOST_FOUND, IndexedSearchMixin, ListIndex, by_id, first_found, in_order
from shop.admin.palette import in_palette
from shop.admin.state import state_of
from shop.api.object_ids import parse_object_id
from shop.changes import record
from shop.db import identifiers
from shop.media.urls import image_url

MOST_PUBLISHED = 5000
# The first rows of the form.
_SEO = ("seo_title", "seo_description")
_FIRST = (
    ("name", "slug"),
    ("category", "brand"),
    ("compare_at_price", "tags"),
    ("additional_categories", "collections"),
    ("tax_class", "free_shipping"),
    "is_active",
)


class CategoryFilter(AutocompleteSelectFilter):
    """Includes subcategories."""

    def has_output(self) -> bool:
        return self.request.user.has_perm("catalog.view_category")

    def value(self) -> str:
        category = parse_object_id(super().value() or "")
        return str(category or "")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(category_lineage__contains=[ObjectId(self.value())]) if self.value() else queryset


class VariantInline(MoneyFieldsMixin, TabularInline):
    model = Variant
    form = VariantForm
    formset = VariantFormSet
    fields = (
        "sku",
        "options",
        "price",
        "weight",
        "in_stock_now",
        "stock_change",
        "stock_note",
        *services.SALE_FIELDS,
        "is_active",
        "position",
    )
    readonly_fields = ("in_stock_now",)
    money_fields = ("price", "sale_price")
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True

    def get_extra(self, request: HttpRequest, obj: Product | None = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    @display(description="Stock")
    def in_stock_now(self, variant: Variant) -> str:
        if variant._state.adding:
            return "new"
        shown = "always sold" if variant.stock_policy == StockPolicy.UNTRACKED else variant.stock
        page = page_url("catalog.variant", variant.pk)
        return format_html(
            '<a class="shop-link {}" href="{}">{}</a>', "" if variant.stock else "shop-none-left", page, shown
        )


class PictureInline(TabularInline):
    model = ProductImage
    form = PictureForm
    formset = PictureFormSet
    fields = ("preview", "files", "alt", "variants", "position")
    readonly_fields = ("preview",)
    verbose_name = "picture"
    verbose_name_plural = "pictures"
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True
    extra = 1

    @display(description="Image")
    def preview(self, image: ProductImage) -> str:
        if not image.name:
            return NO_PICTURE
        original = image_url(image.name)
        return format_html('<a href="{}" target="_blank">{}</a>', original, thumbnail(image.name, image.alt))


@admin.register(Product)
class ProductAdmin(
    VariantMatrixMixin, PriceChangesMixin, ExportMixin, SingleDeleteMixin, IndexedSearchMixin, TransactionalModelAdmin
):
    form = ProductForm
    inlines = (VariantInline, PictureInline)
    money_fields = ("compare_at_price",)
    autocomplete_fields = ("category",)
    fieldsets = (
        (None, {"fields": _FIRST}),
        (
            "Product details",
            {"fields": [name for name in services.PRODUCT_FIELDS if name not in flatten((*_FIRST, *_SEO))]},
        ),
        ("Search engines", {"fields": _SEO, "classes": ("collapse",)}),
    )
    list_display = ("product", "in_category", "shown_price", "stock_state", "active")
    list_filter = (
        ("category", CategoryFilter),
        CollectionFilter,
        BrandFilter,
        TagFilter,
        ("is_active", BooleanRadioFilter),
        ("in_stock", BooleanRadioFilter),
    )
    list_prefetch_related = {"variants": ("product", "sku", "stock", "is_active")}
    list_defer = ("attributes", "category_lineage", "search_words", "search_beginnings", "attribute_pairs")
    search_help_text = "Search name or SKU"
    ordering = ("-pk",)
    # The indexes of the catalog start with the state; its order by age is that of the ids.
    list_index = ListIndex(
        ("is_active",),
        serves=("category", "collection", "brand", "tag", "in_stock", ORDER_VAR),
        order=("-created_at", "-pk"),
    )
    sortable_by = ("product", "shown_price")
    sortable_with = {"product": ("is_active",), "shown_price": ("is_active", "category")}
    actions = ("activate", "deactivate", "change_prices", *ExportMixin.actions)
    most_changed = {
        "activate": MOST_PUBLISHED,
        "deactivate": MOST_PUBLISHED,
        "change_prices": MAX_PRODUCTS,
        **dict.fromkeys(ExportMixin.actions),
    }

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "description":
            kwargs["widget"] = LinesWidget(attrs={"rows": 6})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if (found := by_id(queryset, text)) is not None:
            return found
        with_sku = in_order(Variant.objects.all(), "sku_key", identifiers.key(text))
        variants = list(with_sku.values_list("sku", "product")[: MOST_FOUND + 1])
        products = dict(variants[:MOST_FOUND])
        if text in products:
            return queryset.filter(pk=products[text])
        index = self.list_index
        of_any_state = queryset.filter(**index.any_value(Product)).order_by(*index.order)
        by_words = Search(text).matching(of_any_state)
        # Includes SKUs of active variants.
        if not products or by_words.exists():
            return by_words
        first_found(request, Variant, variants)
        return queryset.filter(pk__in=set(products.values()))

    @display(description="Product", ordering="sort_name")
    def product(self, product: Product) -> str:
        skus = [variant.sku for variant in product.variants.all()]
        return format_html(
            '<span class="shop-in-list">{}<span>{}<span class="shop-quiet">{}</span></span></span>',
            thumbnail(product.pictures[0]["name"] if product.pictures else ""),
            product.name,
            skus[0] if len(skus) == 1 else f"{len(skus)} variants",
        )

    @display(description="Category", empty_value="–")
    def in_category(self, product: Product) -> str | None:
        return product.category_name or None

    @display(description="Price", ordering="price")
    def shown_price(self, product: Product) -> str:
        return price(product.price)

    @display(description="Stock")
    def stock_state(self, product: Product) -> str:
        pieces = sum(max(variant.stock, 0) for variant in product.variants.all() if variant.is_active)
        if pieces:
            return badge(f"{pieces} in stock", "success")
        return badge("Still sold", "info") if product.in_stock else badge("Sold out", "danger")

    @display(description="Published", boolean=True)
    def active(self, product: Product) -> bool:
        return product.is_active

    @admin.action(description="Publish", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._set_active(request, queryset, is_active=True, done="published")

    @admin.action(description="Unpublish", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._set_active(request, queryset, is_active=False, done="unpublished")

    def _set_active(self, request: HttpRequest, queryset: QuerySet, *, is_active: bool, done: str) -> None:
        products = list(queryset.values_list("pk", flat=True))
        later = services.set_active_of_many(products, is_active=is_active)
        changed = len(products) - later
        text = f"{changed} {model_ngettext(self.opts, changed)} {done}."
        if later:
            text += f" The other {later:,} follow in the background, unless they are edited first."
        self.message_user(request, text, messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A product needs at least one variant.
        return super().has_add_permission(request) and request.user.has_perm("catalog.add_variant")

    def write(self, request: HttpRequest, obj: Product, form: ProductForm, change: bool) -> None:
        super().write(request, obj, form, change)
        if change:
            leave_redirect(Kind.PRODUCT, former=form.initial["slug"], slug=obj.slug, target=obj.pk)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: list, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        services.finalize_products(form.instance.pk)
        if not change:
            record("product.created", form.instance.pk)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        save = self._save_variant if formset.model is Variant else self._save_picture
        # New rows have no primary key yet.
        touched = {id(row) for row in (*formset.new_objects, *(row for row, _ in formset.changed_objects))}
        for row_form in formset.forms:
            if id(row_form.instance) in touched:
                save(request, row_form)
        for row in formset.deleted_objects:
            self._remove(request, row)

    def _save_variant(self, request: HttpRequest, form: VariantForm) -> None:
        variant: Variant = form.instance
        is_new = variant._state.adding
        if form.goes_last:
            variant.position = _last_position(Variant, variant.product_id) + 1
        self.save_instance(variant, form)
        if delta := form.cleaned_data.get("stock_change"):
            reason = StockMovement.Reason.INITIAL if is_new else StockMovement.Reason.ADJUSTMENT
            note = form.cleaned_data.get("stock_note", "")
            stock.adjust(variant, delta=delta, reason=reason, note=note, reference=str(request.user.pk))

    def _save_picture(self, request: HttpRequest, form: PictureForm) -> None:
        image: ProductImage = form.instance
        uploads = form.cleaned_data.get("files", [])
        is_new = image._state.adding
        if form.goes_last:
            image.position = _last_position(ProductImage, image.product_id) + 1
        if uploads and not is_new:
            images.delete_file_later(image.name)
        if uploads:
            first = uploads[0]
            image.name, (image.width, image.height) = first.name, first.prepared.dimensions
            form.changed_data += ["name", "width", "height"]
        self.save_instance(image, form)
        added = [image]
        for upload in uploads[1:]:
            width, height = upload.prepared.dimensions
            added.append(
                ProductImage.objects.create(
                    product_id=image.product_id,
                    name=upload.name,
                    alt=image.alt,
                    position=_last_position(ProductImage, image.product_id) + 1,
                    width=width,
                    height=height,
                )
            )
        if "variants" in form.changed_data:
            images.show_variants(added, variants=form.shown.variants_of(form.cleaned_data["variants"]))

    def _remove(self, request: HttpRequest, row: Variant | ProductImage) -> None:
        if isinstance(row, ProductImage):
            images.delete_image(image=row)
            return
        if not services.remove_variant(row):
            text = f"{row.sku} has been sold, so it was deactivated instead of deleted."
            self.message_user(request, text, messages.WARNING)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        """Leave this to the service, which may deactivate a sold product instead."""

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        state_of(request).was_deleted = services.delete_product(product=obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        if state_of(request).was_deleted:
            return super().response_delete(request, obj_display, obj_id)
        text = f"{obj_display} has been sold, so it was unpublished instead of deleted."
        self.message_user(request, text, messages.WARNING)
        return self.response_post_save_change(request, None)


def _last_position(model: type[Model], product_id: Any) -> int:
    rows = model._default_manager.filter(product=product_id).order_by("-position")
    last = rows.values_list("position", flat=True).first()
    return -1 if last is None else last


@in_palette(2, "catalog.product", icon="sell")
def _in_palette(product: Product) -> tuple[str, str]:
    return product.name, "" if product.is_active else "not in the shop"
