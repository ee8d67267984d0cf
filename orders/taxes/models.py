from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django_mongodb_backend.models import EmbeddedModel

from accounts.models import validate_country
from accounts.subdivisions import is_known_state, normalize_state
from cart.revisions import TARIFFS, Revised, RevisedQuerySet
from catalog.tax_classes import TaxClass
from shop.db.money_fields import money_field

MAX_LABEL = 60


def percentage_field(verbose_name: str = "", **options: Any) -> "models.DecimalField[Any, Any]":
    return models.DecimalField(
        verbose_name or None,
        max_digits=6,
        decimal_places=3,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        **options,
    )


class TaxLine(EmbeddedModel):
    """The tax of one rate on an order, shipping included."""

    label = models.CharField(max_length=MAX_LABEL)
    # In per cent.
    rate = percentage_field()
    amount = money_field()


class TaxRate(Revised):
    """Places are tried from the smallest: first its rate for the class, then its standard rate.

    Zero-rated products need no rate.
    """

    country = models.CharField(max_length=2, validators=[validate_country])
    state = models.CharField(
        max_length=120,
        blank=True,
        help_text="A code (CA) or a name (California). Leave empty to apply to the whole country.",
    )
    tax_class = models.CharField(max_length=10, choices=TaxClass, default=TaxClass.STANDARD)
    label = models.CharField(
        max_length=MAX_LABEL, blank=True, default="", help_text="Shown to customers: VAT, GST, Sales tax …"
    )
    rate = percentage_field("rate in %")
    applies_to_shipping = models.BooleanField(default=True)

    revised_as = TARIFFS

    objects = RevisedQuerySet["TaxRate"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["country", "state", "tax_class"], name="one_tax_rate_per_place_and_class")
        ]

    def __str__(self) -> str:
        return " ".join(each for each in (self.country, self.state, self.tax_class, f"{self.rate}%") if each)

    def save(self, *args: Any, **kwargs: Any) -> None:
        # The unique index needs normalized values.
        self.state = normalize_state(self.country, self.state)
        super().save(*args, **kwargs)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self.country = self.country.upper()
        super().clean_fields(exclude)

    def clean(self) -> None:
        super().clean()
        self.state = normalize_state(self.country, self.state)
        if self.state and not is_known_state(self.country, self.state):
            raise ValidationError({"state": ValidationError("Unknown state of this country.", "invalid")})
