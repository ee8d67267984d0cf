"""Discounts of an order, by promotion."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from bson import ObjectId
from django.db import models
from django_mongodb_backend.fields import ObjectIdField
from django_mongodb_backend.models import EmbeddedModel
from rest_framework import serializers

from cart.pricing import PricedCart, PricedLine
from cart.promotions.models import Promotion
from shop.api.object_ids import ObjectIdField as ObjectIdSerializerField
from shop.db.money_fields import MoneyField, money_field

if TYPE_CHECKING:
    from orders.models import Order


class LineDiscount(EmbeddedModel):
    promotion = ObjectIdField()
    amount = money_field()


class OrderDiscount(EmbeddedModel):
    """``amount`` is the sum over the lines; ``shipping`` is taken off the price of the shipping method."""

    # Null in orders that an earlier release placed with a coupon.
    promotion = ObjectIdField(null=True)
    code = models.CharField(max_length=40, blank=True)
    label = models.CharField(max_length=120)
    amount = money_field()
    shipping = money_field(default=Decimal(0))


class LineDiscountSerializer(serializers.Serializer):
    promotion = ObjectIdSerializerField(help_text="The promotion's id.")
    amount = MoneyField()


class OrderDiscountSerializer(serializers.Serializer):
    promotion = ObjectIdSerializerField(allow_null=True, help_text="The promotion's id.")
    code = serializers.SerializerMethodField(help_text="Null for an automatic promotion.")
    label = serializers.CharField()  # type: ignore[assignment]
    amount = MoneyField(help_text="Sum over the lines. All amounts add up to `discount`.")
    shipping = MoneyField(help_text="Taken off the price of the shipping method; `shipping` is what is left.")

    def get_code(self, discount: OrderDiscount) -> str | None:
        return discount.code or None


def of_line(line: PricedLine) -> list[LineDiscount]:
    return [LineDiscount(promotion=promotion, amount=amount) for promotion, amount in line.discounts.items() if amount]


def of_cart(priced: PricedCart, *, shipping: Decimal) -> list[OrderDiscount]:
    """Return a discount per promotion. ``shipping`` is the amount that free shipping takes off, the first time."""
    found = []
    for promotion in priced.promotions:
        is_free = promotion.kind == Promotion.Kind.FREE_SHIPPING
        found.append(
            OrderDiscount(
                promotion=promotion.pk,
                code=promotion.shown_code,
                label=promotion.label,
                amount=priced.amount_of(promotion),
                shipping=shipping if is_free else Decimal(0),
            )
        )
        if is_free:
            shipping = Decimal(0)
    return found


def of_order(order: "Order") -> Sequence[OrderDiscount]:
    """Return the discounts, also of an order that an earlier release placed with a coupon."""
    if order.discounts or not order.coupon:
        return order.discounts
    return [OrderDiscount(code=order.coupon, label=order.coupon, amount=order.discount)]


def violations_of(order: "Order") -> Iterator[str]:
    """Yield sentences for `manage.py audit`."""
    if any(not 0 <= line.discount <= line.line_total for line in order.lines):
        yield f"{order.number} has a line with a discount that is negative or larger than its total"
    if not order.discounts:
        return
    by_promotion: defaultdict[ObjectId | None, Decimal] = defaultdict(Decimal)
    for line in order.lines:
        if sum((each.amount for each in line.discounts), Decimal(0)) != line.discount:
            yield f"{order.number} has a line whose discounts do not add up to {line.discount}"
        for each in line.discounts:
            by_promotion[each.promotion] += each.amount
    if any(by_promotion[each.promotion] != each.amount for each in order.discounts):
        yield f"{order.number} has discounts that are not the sums of its lines"
