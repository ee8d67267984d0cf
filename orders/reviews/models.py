"""What a buyer says of a product."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import User


class ReviewQuerySet(models.QuerySet):
    def shown(self) -> "ReviewQuerySet":
        """Those that shoppers read, and that the product's rating counts."""
        return self.filter(is_hidden=False)

    def owned_by(self, user: User) -> "ReviewQuerySet":
        return self.filter(user=user)


class Review(models.Model):
    """One buyer's stars and words for one product. `orders.reviews.services` keeps the product's rating in step."""

    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, related_name="reviews")
    # Null once the reviewer has deleted their account.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="reviews"
    )
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    title = models.CharField(max_length=120, blank=True)
    body = models.TextField(max_length=5000, blank=True)
    is_hidden = models.BooleanField("hidden", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "user"], name="one_review_each")]
        indexes = [
            models.Index(fields=["product", "is_hidden", "-id"], name="review_shown"),
            models.Index(fields=["is_hidden", "-id"], name="review_hidden"),
            models.Index(fields=["rating", "-id"], name="review_rating"),
        ]

    def __str__(self) -> str:
        return f"{'★' * self.rating} {self.title}".strip()

    @property
    def reviewer(self) -> str | None:
        """Who wrote it, as others may know: "Ada L."; None where nobody knows any more."""
        names = self.user.name.split() if self.user else []
        return " ".join([*names[:1], *(f"{name[0]}." for name in names[1:][-1:])]) or None
