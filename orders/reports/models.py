from django.db import models

from shop.db.money_fields import money_field


class Dimension(models.TextChoices):
    # One row a day.
    DAY = "day", "Day"
    PRODUCT = "product", "Product"
    COUNTRY = "country", "Country"
    PROMOTION = "promotion", "Promotion"


class DailyTotal(models.Model):
    """The orders paid on a day, in the shop's time zone, and the refunds requested on it that succeeded.

    An order counts in full on the day of payment, whatever is refunded later.
    """

    dimension = models.CharField(max_length=10, choices=Dimension)
    day = models.DateField()
    currency = models.CharField(max_length=3)
    # A product's or promotion's id, a country's code; "" for a day.
    key = models.CharField(max_length=24, blank=True)
    # Its name then.
    label = models.CharField(max_length=200, blank=True)
    orders = models.PositiveIntegerField()
    units = models.PositiveIntegerField(default=0)
    # Of orders, with shipping and tax; of products, after discounts, as prices are.
    sales = money_field()
    tax = money_field(default=0)
    # Discounts of promotions.
    discount = money_field(default=0)
    refunds = money_field(default=0)
    # Lost on that day, without fees.
    disputes = money_field(default=0)

    class Meta:
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["dimension", "currency", "day"], name="total_of_dimension"),
            models.Index(fields=["day"], name="total_of_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.label or self.key}".strip()


class ChangedDay(models.Model):
    """A day whose totals are to be calculated: a row per payment or refund, so that these do not conflict."""

    day = models.DateField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.day)
