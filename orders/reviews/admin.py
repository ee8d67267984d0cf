from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from accounts.models import User
from catalog.models import Product
from orders.reviews import services
from orders.reviews.models import Review
from shop.admin.base import ReadOnlyModelAdmin, TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import badge, link, page_url
from shop.admin.lists import CreationDaysFilter, IndexedSearchMixin, ListIndex, by_id, keys_of
from shop.db import identifiers
from shop.db.transactions import transactional
from shop.jobs.email_addresses import normalize_email


def stars(rating: int) -> str:
    return "★" * rating + "☆" * (5 - rating)


class RatingFilter(DropdownFilter):
    title = "rating"
    parameter_name = "rating"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(str(rating), stars(rating)) for rating in range(5, 0, -1)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        known = {value for value, _ in self.lookup_choices}
        return queryset.filter(rating=self.value()) if self.value() in known else queryset


@admin.register(Review)
class ReviewAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("review", "product_link", "person", "created_at", "state")
    list_filter = (("is_hidden", BooleanRadioFilter), RatingFilter, ("created_at", CreationDaysFilter))
    list_prefetch_related = {"product": ("name",), "user": ("email",)}
    list_index = ListIndex(("rating", "is_hidden"))
    search_help_text = "Search e-mail address or product slug (from the start)"
    ordering = ("-pk",)
    sortable_by = ("created_at",)
    fields = (("stars", "state"), "product_link", ("person", "created_at"), "title", "body")
    readonly_fields = ("stars", "state", "product_link", "person", "created_at")
    actions = ("hide_selected", "show_selected")
    actions_detail = ("hide", "show")

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if (found := by_id(queryset, text)) is not None:
            return found
        if "@" in text:
            return queryset.filter(user__in=keys_of(request, User, "email", normalize_email(text)))
        # With all states, each a part of the index; MongoDB merges up to 200.
        of_any_state = queryset.filter(is_hidden__in=[True, False], is_withdrawn__in=[True, False])
        products = keys_of(request, Product, "slug", identifiers.slug(text), at_most=50)
        return of_any_state.filter(product__in=products)

    @display(description="Review")
    def review(self, review: Review) -> str:
        return format_html('{}<div class="shop-quiet">{}</div>', stars(review.rating), review.title or review.body[:80])

    @display(description="Rating")
    def stars(self, review: Review) -> str:
        return stars(review.rating)

    @display(description="Product")
    def product_link(self, review: Review) -> str:
        return link(page_url("catalog.product", review.product_id), review.product.name)

    @display(description="Customer")
    def person(self, review: Review) -> str:
        return review.user.email if review.user else "deleted account"

    @display(description="State")
    def state(self, review: Review) -> str:
        if review.is_withdrawn and not review.is_hidden:
            return badge("Withdrawn", "warning")
        return badge("Hidden", "warning") if review.is_hidden else badge("Published", "success")

    def has_moderate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("orders.change_review")

    def action_blocker(self, button: str, review: Review) -> str:
        if (button == "hide") != review.is_hidden:
            return ""
        return "This review is already hidden." if review.is_hidden else "This review is already published."

    @dialog(
        button="Hide",
        icon="visibility_off",
        variant=ActionVariant.DANGER,
        permissions=["moderate"],
        title="Hide this review?",
        text="Customers no longer see it, and the product's rating does not count it.",
        submit="Hide review",
    )
    def hide(self, request: HttpRequest, form: DialogForm, review: Review) -> str:
        services.set_hidden(review=review, is_hidden=True)
        return "The review was hidden."

    @dialog(
        button="Publish",
        icon="visibility",
        variant=ActionVariant.PRIMARY,
        permissions=["moderate"],
        title="Publish this review?",
        text="Customers see it again, and the product's rating counts it.",
        submit="Publish review",
    )
    def show(self, request: HttpRequest, form: DialogForm, review: Review) -> str:
        services.set_hidden(review=review, is_hidden=False)
        return "The review was published."

    @admin.action(description="Hide", permissions=["moderate"])
    def hide_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._set_all_hidden(request, queryset, is_hidden=True, done="hidden")

    @admin.action(description="Publish", permissions=["moderate"])
    def show_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._set_all_hidden(request, queryset, is_hidden=False, done="published")

    def _set_all_hidden(self, request: HttpRequest, queryset: QuerySet, *, is_hidden: bool, done: str) -> None:
        reviews = list(queryset)
        for review in reviews:
            services.set_hidden(review=review, is_hidden=is_hidden)
        number = len(reviews)
        self.message_user(request, f"{number} review{'' if number == 1 else 's'} {done}.", messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return TransactionalModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Review) -> None:
        services.delete_review(review=obj)

    @transactional("admin.delete_selected")
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.log_deletions(request, queryset)
        for review in queryset:
            services.delete_review(review=review)
