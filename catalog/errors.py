from collections.abc import Iterable

from bson import ObjectId

from catalog.models import MAX_VARIANTS
from shop.api.errors import Conflict, Fault, ShopError


class OutOfStock(Conflict):
    """``variants`` are the ids of those with too little stock."""

    default_code = "out_of_stock"
    default_detail = "Not enough in stock."

    def __init__(
        self,
        detail: str | None = None,
        *,
        variants: Iterable[ObjectId] = (),
        attr: str | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        super().__init__(detail, attr=attr, faults=faults)
        self.variants = set(variants)


class StockBelowZero(Conflict):
    default_code = "stock_below_zero"
    default_detail = "Units of a variant are owed. Count its stock before it is sold only while in stock."


class UnknownImage(ShopError):
    default_code = "does_not_exist"
    default_detail = "The product has no such image."


class CategoryCycle(ShopError):
    default_code = "category_cycle"
    default_detail = "A category cannot be a subcategory of itself."


class CategoryInUse(Conflict):
    default_code = "category_in_use"


class VariantRequired(ShopError):
    default_code = "variant_required"
    default_detail = "This product has several variants. Specify one."


class CompareAtPriceTooLow(ShopError):
    default_code = "former_price_too_low"
    default_detail = "The compare-at price must be above the price. Change both, or remove the compare-at price."


class SaleInvalid(ShopError):
    default_code = "invalid_sale"
    default_detail = "A sale price must be below the price, and the sale must end after its start."


class PriceOutOfRange(ShopError):
    default_code = "price_out_of_range"
    default_detail = "A price would be negative or too large."


class TooManyPrices(ShopError):
    default_code = "too_many_prices"
    default_detail = "Too many prices to change at once."


class TooManyVariants(ShopError):
    default_code = "too_many_variants"
    default_detail = f"A product has at most {MAX_VARIANTS} variants."


class LastVariant(Conflict):
    default_code = "last_variant"
    default_detail = "A product needs at least one variant. Deactivate the variant, or delete the product."


class DuplicateOptions(ShopError):
    default_code = "duplicate_options"
    default_detail = "Two variants have the same options."


class SkuTaken(ShopError):
    default_code = "sku_taken"
    default_detail = "Another variant has this SKU."


class SlugTaken(ShopError):
    default_code = "slug_taken"
    default_detail = "This slug is taken or reserved."
