import re
import unicodedata

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ObjectIdField

from accounts.models import User

# Thai, Lao, Burmese, Khmer and East Asian scripts: one word may be a full name.
_WITHOUT_SPACES = r"\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\U0003ffff"
# Letters and marks of other scripts, hyphens and apostrophes; no user names.
_FIRST_NAME = re.compile(rf"(?:(?![{_WITHOUT_SPACES}])(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0dff'’-]))+\.?")


def public_name(name: str) -> str | None:
    """Return "Ada L.", or only an initial if the first word may be a full or user name.

    E-mail addresses and words without letters are dropped.
    """
    visible = "".join(each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each) != "Cf")
    words = [word for word in visible.split() if "@" not in word and any(map(str.isalpha, word))]
    if not words:
        return None
    first, *others = words
    if not others or not _FIRST_NAME.fullmatch(first):
        return f"{_initial(first)}."
    return f"{first} {_initial(others[-1])}."


def _initial(word: str) -> str:
    return next(filter(str.isalpha, word))


class ReviewQuerySet(models.QuerySet["Review"]):
    def shown(self) -> "ReviewQuerySet":
        return self.filter(is_hidden=False, is_withdrawn=False)

    def owned_by(self, user: User) -> "ReviewQuerySet":
        return self.filter(user=user)


class Review(models.Model):
    """Write with `orders.reviews.services`, which updates the product's rating."""

    # Indexed by "review_published".
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, related_name="reviews", db_index=False)
    # Null for deleted accounts. Indexed by "review_user".
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reviews",
        db_index=False,
    )
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    title = models.CharField(max_length=120, blank=True)
    body = models.TextField(max_length=5000, blank=True)
    is_hidden = models.BooleanField("hidden", default=False)
    # The purchase was cancelled or fully refunded.
    is_withdrawn = models.BooleanField("withdrawn", default=False, editable=False)
    # The purchase; null for older reviews.
    order = ObjectIdField(null=True, blank=True, editable=False)
    # Incremented so that concurrent checks conflict.
    purchase_checks = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "user"], name="one_review_each")]
        indexes = [
            models.Index(fields=["product", "is_hidden", "is_withdrawn", "-id"], name="review_published"),
            models.Index(fields=["user", "-id"], name="review_user"),
            models.Index(fields=["user", "product", "-id"], name="review_user_product"),
            models.Index(fields=["rating", "is_hidden", "-id"], name="review_state"),
            models.Index(fields=["order"], name="review_order"),
        ]

    def __str__(self) -> str:
        return f"{'★' * self.rating} {self.title}".strip()

    @property
    def is_shown(self) -> bool:
        return not self.is_hidden and not self.is_withdrawn

    @property
    def reviewer(self) -> str | None:
        return public_name(self.user.name) if self.user else None
