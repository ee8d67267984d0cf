from rest_framework import serializers

from orders.reviews.models import Review
from shop.api.optional_nulls import OptionalNulls
from shop.api.query import QueryBooleanField


class ReviewSerializer(OptionalNulls, serializers.ModelSerializer):
    reviewer = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="First name and initial (`Ada L.`), or the initial of a single name. Null without a name, and after "
        "the account is deleted.",
    )
    is_mine = serializers.SerializerMethodField(help_text="Whether the caller wrote it, and can change or delete it.")

    class Meta:
        model = Review
        fields = [
            "id",
            "rating",
            "title",
            "body",
            "reviewer",
            "is_mine",
            "is_hidden",
            "is_withdrawn",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["is_hidden", "is_withdrawn", "created_at", "updated_at"]
        extra_kwargs = {
            "is_hidden": {"help_text": "Whether staff have hidden it from others."},
            "is_withdrawn": {"help_text": "Not shown, because its purchase was cancelled or refunded in full."},
        }

    def get_is_mine(self, review: Review) -> bool:
        user = self.context["request"].user
        return user.is_authenticated and review.user_id == user.pk


class ReviewExportSerializer(ReviewSerializer):
    """A review in its author's data export."""

    product = serializers.CharField(source="product_id", read_only=True)

    class Meta(ReviewSerializer.Meta):
        fields = ["product", *ReviewSerializer.Meta.fields]

    def get_is_mine(self, review: Review) -> bool:
        return True


class ReviewQuerySerializer(serializers.Serializer):
    """Query parameters of a product's reviews."""

    mine = QueryBooleanField(
        required=False, default=False, help_text="Only the caller's own review, even if hidden by staff."
    )
