from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms.formsets import DELETION_FIELD_NAME
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminBigIntegerFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from catalog import options, services
from catalog.collections.models import Collection
from catalog.models import Category, Product, ProductImage, Variant
from catalog.sales import PricePlan
from shop.admin.fields import MomentWidget, PairsField, TagsField
from shop.admin.uploads import ImagesFormField
from shop.db import identifiers
from shop.db.times import validate_time


class ConcurrentEditForm(forms.ModelForm):
    """Submits initial values, so that unchanged fields keep concurrent changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for name in self.fields.keys() & set(self._meta.fields or ()):
                self.fields[name].show_hidden_initial = True


class OptionOrderField(forms.Field):
    """One option per line (``size: S | M | L``); cleans to a list."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "size: S | M | L\ncolour: red | blue"})
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return options.to_text(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> options.Options:
        return options.from_text(value or "")

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != (initial or [])
        except ValidationError:
            return True


class RelatedField(forms.ModelMultipleChoiceField):
    """Cleans to ids."""

    widget = UnfoldAdminSelect2MultipleWidget

    def clean(self, value: Any) -> list[Any]:  # type: ignore[override]
        return [row.pk for row in super().clean(value)]


class CategoriesField(RelatedField):
    def label_from_instance(self, category: Category) -> str:
        return category.path


class ProductForm(ConcurrentEditForm):
    attributes = PairsField(
        rows=4,
        placeholder="colour: red\nmaterial: linen",
        help_text="One “name: value” per line. Customers can filter by them.",
    )
    option_order = OptionOrderField(
        help_text="The order in which the variants' options and their values are shown, one option per line. Others "
        "follow in the order of the variants.",
    )

    tags = TagsField(required=False, help_text="Separated by commas. Customers can filter by them.")

    additional_categories = CategoriesField(queryset=Category.objects.order_by("path"), required=False)
    collections = RelatedField(queryset=Collection.objects.all(), required=False)

    class Meta:
        model = Product
        fields = services.PRODUCT_FIELDS
        labels = {"compare_at_price": "Compare-at price", "is_active": "Published"}
        help_texts = {"is_active": "Otherwise it is a draft, which is neither shown nor sold."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "Used in the URL. Generated from the name if left empty."

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or services.free_slug(self.cleaned_data.get("name", ""))


class OrderableForm(ConcurrentEditForm):
    """A sortable row. ``goes_last`` is set for a new row without position."""

    position = forms.IntegerField(
        required=False, min_value=0, max_value=10_000, widget=UnfoldAdminIntegerFieldWidget, label="Order"
    )
    goes_last = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.initial.pop("position", None)

    def has_changed(self) -> bool:
        # Sorting also sets the position of the empty extra row.
        return bool(set(self.changed_data) - {"position"} if self.instance._state.adding else self.changed_data)

    def clean_position(self) -> int:
        position = self.cleaned_data["position"]
        if position is not None:
            return position
        self.goes_last = self.instance._state.adding
        return self.instance.position


class SaleTimeField(forms.DateTimeField):
    default_validators = [validate_time]


class VariantForm(OrderableForm):
    """Changes the stock by a difference, which keeps concurrent sales."""

    options = PairsField(rows=2, placeholder="size: M")
    stock_change = forms.IntegerField(
        required=False,
        min_value=-settings.MAX_QUANTITY,
        max_value=settings.MAX_QUANTITY,
        label="Adjust by",
        widget=UnfoldAdminBigIntegerFieldWidget(attrs={"placeholder": "±0"}),
        help_text="Units to add (12) or remove (-3). For a new variant: its initial stock.",
    )
    stock_note = forms.CharField(
        required=False,
        max_length=200,
        label="Reason",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "delivery, damaged…"}),
        help_text="Required to change the stock of an existing variant. Kept in its stock movements.",
    )

    class Meta:
        model = Variant
        fields = ("sku", "options", "price", "weight", *services.SALE_FIELDS, "is_active", "position")
        field_classes = dict.fromkeys(("sale_starts_at", "sale_ends_at"), SaleTimeField)
        widgets = {"sale_starts_at": MomentWidget, "sale_ends_at": MomentWidget}
        labels = {"sale_starts_at": "Sale from", "sale_ends_at": "Sale until"}

    def clean_sku(self) -> str:
        sku = identifiers.code(self.cleaned_data["sku"])
        others = Variant.objects.filter(sku_key=identifiers.key(sku)).exclude(pk=self.instance.pk)
        if "sku" in self.changed_data and others.exists():
            raise ValidationError("Another variant has this SKU.", code="sku_taken")
        return sku

    def clean_options(self) -> dict[str, str]:
        if "options" in self.changed_data:
            options.validate_options(self.cleaned_data["options"])
        return self.cleaned_data["options"]

    def clean_stock_change(self) -> int:
        change = self.cleaned_data["stock_change"] or 0
        if change < 0 and self.instance.stock + change < 0:
            raise ValidationError(f"Only {max(self.instance.stock, 0)} in stock.", code="out_of_stock")
        return change

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not self.instance._state.adding and cleaned.get("stock_change") and not cleaned.get("stock_note"):
            self.add_error("stock_note", ValidationError("Enter a reason for the stock change.", code="required"))
        if "price" in cleaned and not {"price", *services.SALE_FIELDS}.isdisjoint(self.changed_data):
            plan = PricePlan(cleaned["price"], *(cleaned.get(name) for name in services.SALE_FIELDS))
            if plan.has_duration and not plan.is_valid and not plan.has_ended(timezone.now()):
                self.add_error("sale_price", ValidationError("Must be below the price.", code="invalid_sale"))
        return cleaned


class VariantFormSet(PaginationInlineFormSet):
    def clean(self) -> None:
        super().clean()
        kept = [
            form
            for form in self.forms
            if not form.cleaned_data.get(DELETION_FIELD_NAME)
            and (form.has_changed() or not form.instance._state.adding)
        ]
        seen: set[str] = set()
        for form in kept:
            sku = identifiers.key(form.cleaned_data.get("sku", "")) if form.is_valid() else ""
            if sku and sku in seen:
                form.add_error("sku", ValidationError("Another variant has this SKU.", code="sku_taken"))
            seen.add(sku)
        if not kept and not any(self.errors):
            raise ValidationError("A product needs at least one variant.", code="variant_required")


class ShownVariants:
    """What a picture may show: an option's value, which stands for all its variants, or single variants."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self.variants = variants
        self._pairs: dict[str, set[ObjectId]] = {}
        labels: dict[str, str] = {}
        for variant in variants:
            for name, value in variant.options.items():
                pair = options.option_pair(name, value)
                labels.setdefault(pair, f"{name}: {value}")
                self._pairs.setdefault(pair, set()).add(variant.pk)
        # A value of one variant is that variant.
        self._pairs = {pair: found for pair, found in self._pairs.items() if len(found) > 1}
        self.choices = [(pair, labels[pair]) for pair in self._pairs] + [(str(row.pk), str(row)) for row in variants]

    def chosen(self, image: ProductImage) -> list[str]:
        left = {variant.pk for variant in self.variants if image.pk in variant.images}
        pairs = []
        for pair, found in self._pairs.items():
            if found <= left:
                pairs.append(pair)
                left -= found
        return [*pairs, *(str(variant.pk) for variant in self.variants if variant.pk in left)]

    def variants_of(self, chosen: Sequence[str]) -> set[ObjectId]:
        found = {variant.pk for variant in self.variants if str(variant.pk) in chosen}
        return found.union(*(self._pairs.get(pair, set()) for pair in chosen))


class PictureFormSet(PaginationInlineFormSet):
    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "choices": self.shown_variants}

    @cached_property
    def shown_variants(self) -> ShownVariants:
        is_new = self.instance._state.adding
        return ShownVariants([] if is_new else list(Variant.objects.filter(product=self.instance)))


class PictureForm(OrderableForm):
    """A new row takes several files; an existing row replaces its file."""

    files = ImagesFormField(folder="products", required=False, label="Upload")  # type: ignore[assignment]
    variants = forms.MultipleChoiceField(
        required=False,
        label="Shows",
        widget=UnfoldAdminSelect2MultipleWidget(attrs={"data-placeholder": "the product"}),
    )

    class Meta:
        model = ProductImage
        fields = ("alt", "position")
        labels = {"alt": "Alt text"}

    def __init__(self, *args: Any, choices: ShownVariants, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown = choices
        if "variants" in self.fields:
            self.fields["variants"].choices = choices.choices  # type: ignore[attr-defined]
            self.initial["variants"] = choices.chosen(self.instance)

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if self.instance._state.adding and not cleaned.get("files") and "files" not in self.errors:
            self.add_error("files", ValidationError("Choose an image.", code="required"))
        return cleaned
