"""Coupons and their uses."""

from decimal import Decimal
from typing import Any

from bson import ObjectId

from cart.promotions.models import Promotion, PromotionUse
from shop.dev.demo.bulk import BulkWriter, template
from shop.dev.demo.history.plan import DAY, Amounts, Plan, at
from shop.dev.demo.history.stories import Story

COUPONS = 40


def coupon_of(number: int) -> int | None:
    """Return the coupon of the order with this number, if any."""
    return number // 12 % COUPONS if number % 12 == 0 else None


def coupon_code(coupon: int) -> str:
    return f"SAVE10-{coupon:03}"


class Coupons:
    def __init__(self, plan: Plan, amounts: Amounts) -> None:
        self._plan, self._amounts = plan, amounts
        self._use, self._coupon = template(PromotionUse()), template(Promotion(value=Decimal(0)))
        self._uses = 0
        self._used = [0] * COUPONS

    def id_of(self, coupon: int) -> ObjectId:
        return self._plan.id("coupon", coupon, self._plan.start - DAY)

    def use(self, story: Story, writer: BulkWriter) -> None:
        coupon = story.number // 12 % COUPONS
        self._uses += 1
        self._used[coupon] += 1
        use: dict[str, Any] = {
            **self._use,
            "_id": self._plan.id("coupon use", self._uses, story.placed),
            "coupon_id": self.id_of(coupon),
            "user_id": story.user,
            "order_number": story.code,
            "created_at": at(story.placed),
        }
        writer.add(PromotionUse, use)

    def write(self, writer: BulkWriter) -> None:
        for coupon, used in enumerate(self._used):
            document = {
                **self._coupon,
                "_id": self.id_of(coupon),
                "code": coupon_code(coupon),
                "kind": Promotion.Kind.PERCENTAGE.value,
                "value": self._amounts.stored(self._amounts.steps(Decimal(10))),
                "used": used,
                "is_active": coupon % 4 != 3,
            }
            writer.add(Promotion, document)
