from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from unfold.admin import TabularInline
from unfold.decorators import display

from catalog.categories import delete_category, free_category_slug, in_tree_order, save_category
from catalog.category_products import use_of_category
from catalog.models import Category
from shop.admin.base import SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.html import link, page_url
from shop.admin.lists import IndexedSearchMixin, QuickChangeList

# Browsers strip ordinary spaces of an option.
INDENT = "\u2003"


class CategoryForm(forms.ModelForm):
    class Meta:
        model = Category
        fields = ("name", "slug", "parent", "position", "seo_title", "seo_description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "Used in the URL. Generated from the name if left empty."

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or free_category_slug(self.cleaned_data.get("name", ""))


class ChildrenInline(TabularInline):
    model = Category
    fk_name = "parent"
    verbose_name_plural = "subcategories, in order"
    fields = ("child", "position")
    readonly_fields = ("child",)
    ordering = ("position", "name")
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        return False

    @display(description="Category")
    def child(self, category: Category) -> str:
        return link(page_url("catalog.category", category.pk), category.name)


class TreePaginator(Paginator):
    """Paginate in tree order, which no query can sort by."""

    def __init__(self, object_list: Iterable[Category], *args: Any, **kwargs: Any) -> None:
        super().__init__(in_tree_order(list(object_list)), *args, **kwargs)


class TreeChangeList(QuickChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.show_all or not self.multi_page:
            # Django does not use the paginator here.
            self.result_list = self.paginator.object_list


@admin.register(Category)
class CategoryAdmin(SingleDeleteMixin, IndexedSearchMixin, TransactionalModelAdmin):
    form = CategoryForm
    list_display = ("indented_name", "path", "active_products")
    ordering = ("path",)
    paginator = TreePaginator
    list_per_page = 200
    search_help_text = "Search name or path"
    autocomplete_fields = ("parent",)
    inlines = (ChildrenInline,)
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("parent", "position"))}),
        ("Search engines", {"fields": ("seo_title", "seo_description")}),
    )
    actions = None

    def get_inlines(self, request: HttpRequest, obj: Category | None) -> tuple:
        return self.inlines if obj and Category.objects.filter(parent=obj.pk).exists() else ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return TreeChangeList

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return queryset.filter(Q(name__icontains=text) | Q(path__icontains=text))

    def autocomplete_label(self, category: Category, *, searched: bool) -> str:
        above, _, _ = category.path.rpartition("/")
        if searched:
            return f"{category.name} ({above})" if above else category.name
        return INDENT * category.path.count("/") + category.name

    @display(description="Category")
    def indented_name(self, category: Category) -> str:
        depth = category.path.count("/")
        mark = mark_safe('<span class="shop-branch" aria-hidden="true">└</span>') if depth else ""
        return format_html(
            '<span class="shop-tree" style="--depth: {}">{}<span>{}</span></span>', depth, mark, category.name
        )

    def write(self, request: HttpRequest, obj: Category, form: forms.ModelForm, change: bool) -> None:
        save_category(category=obj)

    def save_formset(self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool) -> None:
        for child in formset.save(commit=False):
            Category.objects.filter(pk=child.pk).update(position=child.position)

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        delete_category(category=obj)

    def deletion_blocker(self, category: Category) -> str:
        return use_of_category(category)
