from typing import Any

from bson import ObjectId
from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.categories import free_category_slug
from catalog.collections import membership
from catalog.collections import services as collections
from catalog.collections.images import FOLDER
from catalog.collections.models import Collection, CollectionItem
from catalog.collections.services import MOST_ADDED
from catalog.models import Product
from shop.admin.base import SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.fields import LinesWidget
from shop.admin.html import thumbnail
from shop.admin.lists import IndexedSearchMixin
from shop.admin.uploads import ImagesFormField
from shop.api.object_ids import parse_object_id
from shop.media.cleanup import delete_image_later


class SortedProductsWidget(forms.Widget):
    """A list to drag, or to sort by number; submits the ids in one field, since a form has few fields."""

    template_name = "admin/widgets/sorted_products.html"

    class Media:
        js = ("shop/sorting.js",)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        ids = _ids(value)
        rows = {
            row["pk"]: row for row in Product.objects.filter(pk__in=ids).values("pk", "name", "pictures", "is_active")
        }
        shown = [
            {**rows[pk], "picture": thumbnail(rows[pk]["pictures"][0]["name"] if rows[pk]["pictures"] else "")}
            for pk in ids
            if pk in rows
        ]
        return {**super().get_context(name, value, attrs), "products": shown}


class SortedProductsField(forms.Field):
    widget = SortedProductsWidget

    def prepare_value(self, value: Any) -> str:
        return ",".join(map(str, _ids(value)))

    def to_python(self, value: Any) -> list[ObjectId]:
        return _ids(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _ids(initial) != _ids(data)


class SkusField(forms.CharField):
    """SKUs or slugs, one per line; cleans to the ids of their products."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "MUG-BLUE\nlinen-shirt"})

    def clean(self, value: Any) -> list[ObjectId]:
        texts = list(dict.fromkeys(text.strip() for text in (value or "").splitlines() if text.strip()))
        if len(texts) > MOST_ADDED:
            raise forms.ValidationError(f"Enter at most {MOST_ADDED} at once.", code="too_many")
        found = collections.find_products(texts)
        if unknown := [text for text, pk in found.items() if pk is None]:
            raise forms.ValidationError(f"No product has this SKU or slug: {', '.join(unknown[:10])}", code="unknown")
        return [pk for pk in found.values() if pk is not None]


class CollectionForm(forms.ModelForm):
    file = ImagesFormField(folder=FOLDER, required=False, label="Image")
    products = SortedProductsField(required=False, label="Products, in order")
    added = SkusField(required=False, label="Add products", help_text="SKUs or slugs, one per line.")

    class Meta:
        model = Collection
        fields = ("name", "slug", "description", "is_active", "position", "seo_title", "seo_description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "Used in the URL. Generated from the name if left empty."
        if "products" in self.fields:
            self.fields["products"].show_hidden_initial = True
            items = CollectionItem.objects.filter(collection=self.instance.pk).order_by("position", "pk")
            self.initial["products"] = (
                [] if self.instance._state.adding else list(items.values_list("product", flat=True))
            )

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or free_category_slug(self.cleaned_data.get("name", ""), Collection)


@admin.register(Collection)
class CollectionAdmin(SingleDeleteMixin, IndexedSearchMixin, TransactionalModelAdmin):
    form = CollectionForm
    list_display = ("pictured_name", "slug", "is_active", "position")
    ordering = ("position", "name", "pk")
    is_small = True
    search_help_text = "Search name or slug"
    actions = None
    fieldsets = (
        (None, {"fields": (("name", "slug"), "description", ("is_active", "position"), ("image_now", "file"))}),
        ("Search engines", {"fields": ("seo_title", "seo_description")}),
        ("Products", {"fields": ("added", "products")}),
    )
    readonly_fields = ("image_now",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "description":
            kwargs["widget"] = LinesWidget(attrs={"rows": 4})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return queryset.filter(Q(name__icontains=text) | Q(slug__icontains=text))

    @display(description="Collection", ordering="name")
    def pictured_name(self, collection: Collection) -> str:
        return format_html(
            '<span class="shop-in-list">{}<span>{}</span></span>', thumbnail(collection.image), collection.name
        )

    @display(description="Current image")
    def image_now(self, collection: Collection) -> str:
        return thumbnail(collection.image)

    def write(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        if uploads := form.cleaned_data.get("file"):
            delete_image_later(obj.image)
            obj.image = uploads[-1].name
            form.changed_data.append("image")
        collections.save_collection(collection=obj, changed=form.changed_data)
        order, gone = None, set()
        if "products" in form.changed_data:
            order = form.cleaned_data["products"]
            gone = set(_ids(form.data.get(form["products"].html_initial_name))) - set(order)
        collections.change_products(
            collection=obj, remove=sorted(gone), order=order, add=form.cleaned_data.get("added") or ()
        )

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        membership.delete_collection(collection=obj)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        """Leave this to the service."""


def _ids(value: Any) -> list[ObjectId]:
    texts = value.split(",") if isinstance(value, str) else value or ()
    found = (each if isinstance(each, ObjectId) else parse_object_id(str(each)) for each in texts)
    return list(dict.fromkeys(pk for pk in found if pk))
