from shop.api.errors import Conflict, ShopError


class EmptyCart(ShopError):
    default_code = "empty_cart"
    default_detail = "The cart is empty."


class CartChanged(Conflict):
    default_code = "cart_changed"
    default_detail = "The cart was changed or ordered by another request. Reload it."


class CartFull(ShopError):
    default_code = "cart_full"
    default_detail = "The cart has reached its maximum number of lines."


class TooManyUnits(ShopError):
    default_code = "max_quantity"


class ProductUnavailable(ShopError):
    default_code = "product_unavailable"
    default_detail = "This product is not available."


class UsageLimitTooLow(ShopError):
    default_code = "usage_limit_too_low"


class InvalidCoupon(ShopError):
    default_code = "invalid_coupon"
    default_detail = "This coupon cannot be used."
    # Code of the cart's warning.
    warning_code = "invalid_coupon"


class CouponMinimumNotReached(InvalidCoupon):
    warning_code = "coupon_minimum"
