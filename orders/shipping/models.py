from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django_mongodb_backend.fields import ArrayField

from accounts.models import validate_country
from accounts.subdivisions import is_known_state, normalize_state
from cart.revisions import TARIFFS, Revised, RevisedQuerySet
from orders.shipping.places import (
    COUNTRY,
    EVERYWHERE,
    POSTAL_CODE,
    Closeness,
    Place,
    closeness_of_state,
    normalize_postal_code,
    parse_country,
    parse_postal_codes,
    parse_state,
    written_postal_codes,
)
from shop.db.fields import LowerSlugField
from shop.db.money_fields import money_field


class ShippingZoneQuerySet(RevisedQuerySet["ShippingZone"]):
    def bump_revision(self) -> int:
        """Make a concurrent deletion of these zones conflict. Call it after writing rates."""
        return self.update(revision=models.F("revision") + 1)


class ShippingZone(Revised):
    """Covers all its places; one without places covers every address that no other zone covers.

    Of several zones that cover an address, the one with the closest place counts: postal codes before states before
    countries.
    """

    # Characters of all places of one kind.
    LONGEST_PLACES = 20_000

    name = models.CharField(max_length=120)
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    # ``US-HI``; of staff names too, ``US Hawaii``.
    states = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    # See `orders.shipping.places.parse_postal_codes`.
    postal_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    revised_as = TARIFFS

    objects = ShippingZoneQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        errors = {}
        for name, normalize in (
            ("countries", parse_country),
            ("states", parse_state),
            ("postal_codes", written_postal_codes),
        ):
            try:
                if len(", ".join(getattr(self, name))) > self.LONGEST_PLACES:
                    raise ValidationError(f"At most {self.LONGEST_PLACES:,} characters.", code="max_length")
                setattr(self, name, list(dict.fromkeys(map(normalize, getattr(self, name)))))
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)

    @property
    def is_everywhere(self) -> bool:
        return not (self.countries or self.states or self.postal_codes)

    def is_by_state(self, country: str) -> bool:
        return any(state.startswith(f"{country}-") for state in self.states)

    def closeness(self, *, country: str, state: str, postal_code: str) -> Closeness | None:
        """Return how closely it matches an address, or None if it does not cover it."""
        if (closest := self._closeness_of_postal_code(country, postal_code)) is not None:
            return (POSTAL_CODE, closest)
        if (by_state := closeness_of_state(self.states, country, state)) is not None:
            return by_state
        if country in self.countries:
            return (COUNTRY, 0)
        return (EVERYWHERE, 0) if self.is_everywhere else None

    def _closeness_of_postal_code(self, country: str, postal_code: str) -> int | None:
        code = normalize_postal_code(country, postal_code)
        of_country = [text for text in self.postal_codes if text.startswith(f"{country} ")] if code else []
        found = [parse_postal_codes(text).closeness(code) for text in of_country]
        return max((each for each in found if each is not None), default=None)


class ShippingMethod(Revised):
    """Without rates, it serves all addresses at its price."""

    code = LowerSlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    price = money_field(
        help_text="With prices by zone below, this one is only shown until the customer's address is known."
    )
    position = models.PositiveIntegerField(default=0, help_text="The first active one is the shop's default.")
    is_active = models.BooleanField("active", default=True)
    is_pickup = models.BooleanField(
        "is a pick-up", default=False, help_text="Customers collect the order; it is taxed at the place of pick-up."
    )
    pickup_line1 = models.CharField("address of the pick-up", max_length=200, blank=True, default="")
    pickup_line2 = models.CharField("second line", max_length=200, blank=True, default="")
    pickup_postal_code = models.CharField("postal code", max_length=20, blank=True, default="")
    pickup_city = models.CharField("city", max_length=120, blank=True, default="")
    pickup_country = models.CharField(
        "country of the pick-up", max_length=2, blank=True, default="", validators=[validate_country]
    )
    pickup_state = models.CharField(
        "state of the pick-up",
        max_length=120,
        blank=True,
        default="",
        help_text="A code (CA) or a name (California). Required where tax rates are by state.",
    )

    # Incremented with its rates, so that concurrent changes of them conflict.
    revision = models.PositiveIntegerField(default=0, editable=False)

    revised_as = TARIFFS

    objects = RevisedQuerySet["ShippingMethod"].as_manager()

    PICKUP_FIELDS = (
        "pickup_line1",
        "pickup_line2",
        "pickup_postal_code",
        "pickup_city",
        "pickup_country",
        "pickup_state",
    )

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def pickup_address(self) -> dict[str, str] | None:
        """Return the fields of an address, or None if it is no pick-up."""
        if not self.is_pickup:
            return None
        fields = {name.removeprefix("pickup_"): getattr(self, name) for name in self.PICKUP_FIELDS}
        return {"name": self.name, **fields}

    @property
    def pickup_place(self) -> Place | None:
        if not self.is_pickup:
            return None
        state = normalize_state(self.pickup_country, self.pickup_state)
        return Place(self.pickup_country, state, self.pickup_postal_code)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self.pickup_country = self.pickup_country.upper()
        super().clean_fields(exclude)

    def clean(self) -> None:
        if self.is_pickup and not self.pickup_country:
            raise ValidationError({"pickup_country": "Enter the country of the pick-up, which determines the tax."})
        if not self.is_pickup and any(getattr(self, name) for name in self.PICKUP_FIELDS):
            raise ValidationError({"is_pickup": "Only pick-ups have an address."})
        self.pickup_state = normalize_state(self.pickup_country, self.pickup_state)
        if self.pickup_state and not is_known_state(self.pickup_country, self.pickup_state):
            raise ValidationError({"pickup_state": "Unknown state of this country."})


class ShippingRate(Revised):
    """A method's price in a zone, for a band of weight and subtotal. Both ends of a band are included.

    If several bands fit, the lowest price counts; if none does, the method is not offered.
    """

    method = models.ForeignKey(ShippingMethod, on_delete=models.CASCADE, related_name="rates")
    # Protected: a method that lost its last rate would serve all addresses.
    zone = models.ForeignKey(ShippingZone, on_delete=models.PROTECT, related_name="rates")
    price = money_field()
    min_weight = models.PositiveIntegerField("weight from, in g", null=True, blank=True)
    max_weight = models.PositiveIntegerField("weight to, in g", null=True, blank=True)
    min_subtotal = money_field(verbose_name="subtotal from", null=True, blank=True)
    max_subtotal = money_field(verbose_name="subtotal to", null=True, blank=True)
    free_from = money_field(
        verbose_name="free from", null=True, blank=True, help_text="Subtotal from which shipping is free."
    )

    revised_as = TARIFFS

    objects = RevisedQuerySet["ShippingRate"].as_manager()

    class Meta:
        ordering = ["zone_id", "min_weight", "min_subtotal", "id"]

    def __str__(self) -> str:
        return f"{self.method_id} {self.zone_id} {self.price}"

    def clean(self) -> None:
        for first, last in (("min_weight", "max_weight"), ("min_subtotal", "max_subtotal")):
            low, high = getattr(self, first), getattr(self, last)
            if low is not None and high is not None and low > high:
                raise ValidationError({last: "Must not be below the other end."})

    def fits(self, *, weight: int, subtotal: Decimal) -> bool:
        bands: tuple[tuple[Any, Any, Any], ...] = (
            (self.min_weight, weight, self.max_weight),
            (self.min_subtotal, subtotal, self.max_subtotal),
        )
        return all((low is None or low <= value) and (high is None or value <= high) for low, value, high in bands)

    def price_for(self, subtotal: Decimal) -> Decimal:
        is_free = self.free_from is not None and subtotal >= self.free_from
        return Decimal(0) if is_free else self.price
