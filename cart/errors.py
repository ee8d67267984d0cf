from shop.api.errors import Conflict, ShopError


class EmptyCart(ShopError):
    default_code = "empty_cart"
    default_detail = "There is nothing in the cart."


class CartChanged(Conflict):
    default_code = "cart_changed"
    default_detail = "The cart was changed or ordered meanwhile. Look at it again."


class CartFull(ShopError):
    default_code = "cart_full"
    default_detail = "The cart holds as many different things as it can."


class TooManyPieces(ShopError):
    default_code = "max_quantity"


class ProductUnavailable(ShopError):
    default_code = "product_unavailable"
    default_detail = "This is not for sale."


class InvalidCoupon(ShopError):
    default_code = "invalid_coupon"
    default_detail = "This coupon cannot be used."
    # Code of the cart's warning.
    warning_code = "invalid_coupon"


class CouponMinimumNotReached(InvalidCoupon):
    warning_code = "coupon_minimum"
