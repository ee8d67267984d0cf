"""All reviews, for staff."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from catalog.models import Product
from orders.reviews import services
from orders.reviews.models import Review
from shop.api.indexed_lists import IndexedPagination, ListQuery
from shop.api.object_ids import ObjectIdField
from shop.api.query import QueryBooleanField
from shop.api.resources import Destroy, ListAndRetrieve, operations
from shop.db.documents import Document

RELATED = (
    Prefetch("product", Product.objects.only("name", "slug")),
    Prefetch("user", User.objects.get_queryset().only("email", "name")),
)


class ReviewedProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["id", "name", "slug"]


class ReviewAuthorSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "email"]


class StaffReviewSerializer(serializers.ModelSerializer):
    product = ReviewedProductSerializer(read_only=True)
    customer = ReviewAuthorSerializer(
        source="user", read_only=True, allow_null=True, help_text="Null after the account is deleted."
    )
    reviewer = serializers.CharField(read_only=True, allow_null=True, help_text="As customers see it.")

    class Meta:
        model = Review
        fields = [
            "id",
            "product",
            "customer",
            "reviewer",
            "rating",
            "title",
            "body",
            "is_hidden",
            "is_withdrawn",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "is_hidden": {"help_text": "Hidden by staff."},
            "is_withdrawn": {"help_text": "Not shown, because its purchase was cancelled or refunded in full."},
        }


class StaffReviewQuerySerializer(serializers.Serializer):
    """Query parameters of the list of reviews."""

    product = ObjectIdField(required=False, help_text="The product's id.")
    rating = serializers.IntegerField(min_value=1, max_value=5, required=False, help_text="From 1 to 5.")
    is_hidden = QueryBooleanField(required=False, help_text="Hidden by staff, or not.")


def review_query(filters: Mapping[str, Any]) -> ListQuery:
    """With all values of the other fields, MongoDB merges ranges of an index, each in the order of ids."""
    if not filters:
        return ListQuery([], "_id_", by_change=False)
    hidden = {"is_hidden": {"$in": [filters["is_hidden"]] if "is_hidden" in filters else [True, False]}}
    rating: Document = {"rating": {"$in": [filters["rating"]] if "rating" in filters else [1, 2, 3, 4, 5]}}
    if "product" not in filters:
        return ListQuery([rating, hidden], "review_state", by_change=False)
    shown = {"is_withdrawn": {"$in": [True, False]}}
    return ListQuery([{"product_id": filters["product"]}, hidden, shown, rating], "review_published", by_change=False)


class StaffReviewPagination(IndexedPagination):
    model = Review


@operations("review", "reviews", prefix="Admin")
class StaffReviewViewSet(ListAndRetrieve, Destroy):
    """Reviews of all products, for staff."""

    queryset = Review.objects.all()
    serializer_class = StaffReviewSerializer
    pagination_class = StaffReviewPagination
    filters = StaffReviewQuerySerializer
    verbs = {"hide": "change", "show": "change"}
    operation_ids = {"hide": "hideReview", "show": "showReview"}
    errors = {"hide": [NotFound], "show": [NotFound]}

    def get_queryset(self) -> QuerySet[Review]:
        return Review.objects.prefetch_related(*RELATED)

    def filtered(self, rows: QuerySet[Review], **filters: Any) -> Any:
        return review_query(filters)

    def paginate_queryset(self, queryset: Any) -> Any:
        page: Any = super().paginate_queryset(queryset)
        prefetch_related_objects(page, *RELATED)
        return page

    def remove(self, row: Review) -> None:
        services.delete_review(review=row)

    @extend_schema(request=None, responses=StaffReviewSerializer)
    @action(detail=True, methods=["post"])
    def hide(self, request: Request, pk: str) -> Response:
        """Hide a review: customers no longer see it, and the product's rating does not count it (staff only)."""
        return self._set_hidden(is_hidden=True)

    @extend_schema(request=None, responses=StaffReviewSerializer)
    @action(detail=True, methods=["post"])
    def show(self, request: Request, pk: str) -> Response:
        """Show a hidden review again (staff only)."""
        return self._set_hidden(is_hidden=False)

    def _set_hidden(self, *, is_hidden: bool) -> Response:
        services.set_hidden(review=self.get_object(), is_hidden=is_hidden)
        return self.reply(self.get_object())
