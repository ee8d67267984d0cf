"""The category tree in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from unfold.decorators import display

from catalog import services
from catalog.admin.fields import CategoryChoiceField
from catalog.models import Category, Product
from shop.admin.base import DeletesWithoutInventory, TransactionalModelAdmin
from shop.admin.lists import QuickChangeList


class CategoryForm(forms.ModelForm):
    class Meta:
        model = Category
        fields = ("name", "slug", "parent", "position")

    def clean_parent(self) -> Category | None:
        parent = self.cleaned_data["parent"]
        if parent is not None and self.instance.pk in parent.lineage:
            raise forms.ValidationError("A category cannot lie inside itself or below.", code="cycle")
        return parent


class CountingChangeList(QuickChangeList):
    """Knows how many products lie directly in the categories of the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = Product.objects.order_by().values("category").annotate(products=Count("id"))
        counts = {row["category"]: row["products"] for row in rows}
        for category in self.result_list:
            category.products_here = counts.get(category.pk, 0)


@admin.register(Category)
class CategoryAdmin(DeletesWithoutInventory, TransactionalModelAdmin):
    form = CategoryForm
    list_display = ("indented_name", "path", "products_here")
    # Sorted any other way it would be no tree.
    ordering = ("path",)
    sortable_by = ()
    list_per_page = 200
    search_fields = ("name", "path")
    prepopulated_fields = {"slug": ("name",)}
    fields = (("name", "slug"), ("parent", "position"))
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return CountingChangeList

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **{**kwargs, **CategoryChoiceField.options()})

    @display(description="Category")
    def indented_name(self, category: Category) -> str:
        depth = category.path.count("/")
        mark = mark_safe('<span class="shop-branch" aria-hidden="true">└</span>') if depth else ""
        return format_html(
            '<span class="shop-tree" style="--depth: {}">{}<span>{}</span></span>', depth, mark, category.name
        )

    @display(description="Products in it")
    def products_here(self, category: Category) -> int:
        return category.products_here

    def write(self, request: HttpRequest, obj: Category, form: forms.ModelForm, change: bool) -> None:
        services.save_category(category=obj)

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        services.delete_category(category=obj)

    def get_deleted_objects(self, objs: QuerySet | list, request: HttpRequest) -> tuple[list, dict, set, list]:
        *rest, _ = super().get_deleted_objects(objs, request)
        return *rest, [reason for reason in map(self.what_keeps, objs) if reason]

    @staticmethod
    def what_keeps(category: Category) -> str:
        """Say why the category cannot be deleted; nothing where it can."""
        products = Product.objects.filter(category=category.pk).count()
        children = Category.objects.filter(parent=category.pk).count()
        if not products and not children:
            return ""
        parts = [_counted(products, "product", "products")] if products else []
        parts += [_counted(children, "category", "categories")] if children else []
        return f"{category.name} still holds {' and '.join(parts)}: move them elsewhere first."


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
