from collections.abc import Callable
from typing import Any

from bson import ObjectId
from django.conf import settings
from rest_framework import serializers

from cart.pricing import PricedCart, PricedLine
from shop.api.fields import UpperCodeField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.schema_fields import NULL, Alternative
from shop.media.urls import urls_of
from shop.money import display


class LineProductSerializer(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()
    image = serializers.URLField(allow_null=True)


class LineVariantSerializer(serializers.Serializer):
    id = serializers.CharField()
    sku = serializers.CharField()
    options = serializers.DictField(child=serializers.CharField())

    descriptions = {"id": "Id of the variant."}


class CartLineDiscountSerializer(serializers.Serializer):
    promotion = serializers.CharField(help_text="The promotion's id.")
    amount = serializers.CharField()


class CartItemSerializer(serializers.Serializer):
    id = serializers.CharField()
    product = LineProductSerializer()
    variant = LineVariantSerializer()
    image = serializers.URLField(allow_null=True, help_text="Image of the variant, by default the product's.")
    quantity = serializers.IntegerField()
    backordered = serializers.IntegerField(help_text="Units of these that are not in stock yet.")
    expected_on = serializers.DateField(allow_null=True, help_text="When units on back-order are expected.")
    unit_price = serializers.CharField()
    line_total = serializers.CharField()
    discount = serializers.CharField(help_text="The sum of `discounts`.")
    discounts = CartLineDiscountSerializer(many=True)

    descriptions = {"id": "Id of the item, for `/cart/items/{id}/`.", "product": "Product.", "variant": "Variant."}


class CartDiscountSerializer(CartLineDiscountSerializer):
    code = serializers.CharField(allow_null=True, help_text="Null for an automatic promotion.")
    label = serializers.CharField()  # type: ignore[assignment]


class CartWarningSerializer(serializers.Serializer):
    code = serializers.ChoiceField(
        choices=["price_changed", "out_of_stock", "unavailable", "invalid_coupon", "coupon_minimum"]
    )
    item = serializers.CharField(allow_null=True, help_text="The item's id, or null if it is about the coupon.")
    detail = serializers.CharField()

    descriptions = {"code": "Kind of change."}


class CartSerializer(serializers.Serializer):
    """A cart at current prices. Totals exclude lines that cannot be ordered; `warnings` lists them."""

    id = serializers.CharField(allow_null=True)
    items = CartItemSerializer(many=True, help_text="In the order in which they were added.")
    item_count = serializers.IntegerField(help_text="Units of all items, including those that cannot be ordered.")
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    discounts = CartDiscountSerializer(many=True)
    total = serializers.CharField()
    currency = serializers.CharField()
    coupon = serializers.CharField(allow_null=True)
    warnings = CartWarningSerializer(many=True, help_text="Changes since the items were added.")

    descriptions = {
        "id": "Id of the cart, or null until something is added.",
        "subtotal": "Sum of the lines that can be ordered, before discounts.",
        "total": "Subtotal minus discounts; shipping and tax are in the quote.",
    }


def cart_data(priced: PricedCart, *, base_url: str) -> dict[str, Any]:
    """Return the data of a :class:`CartSerializer`."""
    cart, currency = priced.cart, settings.CURRENCY
    thumbnail = urls_of("thumbnail", base_url=base_url)
    warnings: list[dict[str, Any]] = [warning for line in priced.lines for warning in _warnings(line)]
    warnings += [
        {"code": "unavailable", "item": str(line.key), "detail": "This product is no longer available."}
        for line in priced.unavailable_lines
    ]
    if (error := priced.coupon_error) is not None:
        warnings.append({"code": error.warning_code, "item": None, "detail": str(error)})
    return {
        "id": None if cart._state.adding else str(cart.pk),
        "items": [_item(line, thumbnail, currency) for line in priced.lines],
        "item_count": sum(line.quantity for line in priced.lines),
        "subtotal": display(priced.subtotal, currency),
        "discount": display(priced.discount, currency),
        "discounts": _discounts(priced, currency),
        "total": display(priced.total, currency),
        "currency": currency,
        "coupon": cart.coupon or None,
        "warnings": warnings,
    }


def _item(line: PricedLine, thumbnail: Callable[[str], str | None], currency: str) -> dict[str, Any]:
    offer, backordered = line.offer, line.offer.backordered(line.quantity)
    return {
        "id": str(line.line.key),
        "product": {
            "id": str(offer.product),
            "name": offer.name,
            "slug": offer.slug,
            "image": thumbnail(offer.product_picture),
        },
        "variant": {"id": str(offer.variant), "sku": offer.sku, "options": offer.options},
        "image": thumbnail(offer.picture),
        "quantity": line.quantity,
        "backordered": backordered,
        "expected_on": offer.expected_on.isoformat() if backordered and offer.expected_on else None,
        "unit_price": display(line.unit_price, currency),
        "line_total": display(line.line_total, currency),
        "discount": display(line.discount, currency),
        "discounts": [
            {"promotion": str(promotion), "amount": display(amount, currency)}
            for promotion, amount in line.discounts.items()
            if amount
        ],
    }


def _discounts(priced: PricedCart, currency: str) -> list[dict[str, str | None]]:
    return [
        {
            "promotion": str(promotion.pk),
            "code": promotion.shown_code or None,
            "label": promotion.label,
            "amount": display(priced.amount_of(promotion), currency),
        }
        for promotion in priced.promotions
    ]


def _warnings(line: PricedLine) -> list[dict[str, str]]:
    item, name = str(line.line.key), line.offer.name
    if not line.offer.is_active:
        return [{"code": "unavailable", "item": item, "detail": f"{name} is no longer available."}]
    warnings = []
    if line.unit_price != line.line.unit_price:
        change = f"{display(line.line.unit_price)} to {display(line.unit_price)}"
        warnings.append(
            {"code": "price_changed", "item": item, "detail": f"The price of {name} changed from {change}."}
        )
    if not line.offer.covers(line.quantity):
        warnings.append({"code": "out_of_stock", "item": item, "detail": f"{name}: {line.offer.shortage}"})
    return warnings


class QuantityField(serializers.IntegerField):
    """Refuse strings and booleans, which are mistakes of the client."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 1, **kwargs}, max_value=settings.MAX_QUANTITY)

    def to_internal_value(self, data: Any) -> int:
        # JSON does not distinguish 2.0 from 2.
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class AddItemSerializer(OptionalNulls):
    product = ObjectIdField(required=False)
    variant = ObjectIdField(required=False)
    quantity = QuantityField(default=1)

    alternatives: tuple[Alternative, ...] = (
        Alternative("AddCartItemByProduct", required=("product",), fields={"variant": NULL}),
        Alternative("AddCartItemByVariant", required=("variant",)),
    )
    descriptions = {
        "product": "Id of a product with a single variant.",
        "variant": "Id of a variant. With `product`, it must be one of that product's.",
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "product" not in attrs and "variant" not in attrs:
            raise serializers.ValidationError({"variant": "Specify a product or a variant."}, code="required")
        return attrs


class QuantitySerializer(serializers.Serializer):
    quantity = QuantityField(min_value=0, help_text="0 removes the line.")

    # Required in a PATCH, too.
    extra_schema = {"required": ["quantity"]}


class ItemQuantitySerializer(serializers.Serializer):
    variant = ObjectIdField()
    quantity = QuantityField(min_value=0, help_text="0 removes the line.")


class SetItemsSerializer(serializers.Serializer):
    """The list that is the body, named so that errors are."""

    items = ItemQuantitySerializer(many=True, max_length=settings.MAX_CART_LINES)  # type: ignore[call-arg]

    def validate_items(self, items: list[dict[str, Any]]) -> dict[ObjectId, int]:
        quantities = {item["variant"]: item["quantity"] for item in items}
        if len(quantities) < len(items):
            raise serializers.ValidationError("A variant occurs twice.", code="duplicate")
        return quantities


class CouponCodeSerializer(serializers.Serializer):
    code = UpperCodeField(max_length=40, help_text="The coupon's code, in any case.")
