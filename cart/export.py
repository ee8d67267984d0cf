from typing import Any

from accounts.export import Rows
from accounts.models import User
from cart.owners import CartOwner
from cart.promotions.models import PromotionUse
from cart.serializers import cart_data
from cart.services import get_cart


def export_cart(*, user: User, base_url: str) -> dict[str, Any]:
    owner = CartOwner(user=user)
    uses = PromotionUse.objects.filter(user=user).prefetch_related("promotion")
    return {
        "cart": cart_data(get_cart(owner=owner), base_url=base_url),
        "coupon_uses": Rows(uses, _coupon_use),
    }


def _coupon_use(use: PromotionUse) -> dict[str, Any]:
    return {
        "coupon": use.promotion.shown_code or use.promotion.label,
        "order": use.order_number,
        "used_at": use.created_at,
    }
