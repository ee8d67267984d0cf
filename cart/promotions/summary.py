"""A promotion in one sentence, for staff."""

from django.db.models import Model
from django.utils import timezone
from django.utils.formats import date_format

from cart.promotions.models import Promotion
from catalog.models import Category, Collection, Product
from shop.admin.html import price

# Names of targets that a sentence lists.
MOST_NAMED = 3
_MODELS: dict[str, type[Model]] = {
    Promotion.AppliesTo.PRODUCTS: Product,
    Promotion.AppliesTo.CATEGORIES: Category,
    Promotion.AppliesTo.COLLECTIONS: Collection,
}


def summary(promotion: Promotion) -> str:
    """Return "20% off Jackets, once per customer, until 31 Dec 2026"."""
    parts = [
        _offer(promotion),
        *_minima(promotion),
        *(["for first orders"] if promotion.first_order_only else []),
        *([f"{_times(most)} per customer"] if (most := promotion.usage_limit_per_customer) is not None else []),
        *([f"{_times(most)} in total"] if (most := promotion.usage_limit) is not None else []),
        *(["not with others"] if not promotion.combinable else []),
        *([f"from {_day(promotion.valid_from)}"] if promotion.valid_from else []),
        *([f"until {_day(promotion.valid_until)}"] if promotion.valid_until else []),
    ]
    return ", ".join(parts)


def _offer(promotion: Promotion) -> str:
    what = _targets(promotion)
    if promotion.kind == Promotion.Kind.FREE_SHIPPING:
        return (
            "Free shipping" if promotion.applies_to == Promotion.AppliesTo.EVERYTHING else f"Free shipping with {what}"
        )
    if promotion.kind == Promotion.Kind.BUY_X_GET_Y:
        off = "free" if promotion.value >= 100 else f"{promotion.value.normalize():f}% off"
        return f"Buy {promotion.buy_quantity}, get {promotion.get_quantity} {off} of {what}"
    if promotion.kind == Promotion.Kind.PERCENTAGE:
        return f"{promotion.value.normalize():f}% off {what}"
    return f"{price(promotion.value)} off {what}"


def _targets(promotion: Promotion) -> str:
    if promotion.applies_to == Promotion.AppliesTo.EVERYTHING:
        return "everything"
    names = target_names(promotion)
    if len(names) > MOST_NAMED:
        more = len(promotion.tags or promotion.targets) - MOST_NAMED
        names = [*names[:MOST_NAMED], f"{more} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"


def target_names(promotion: Promotion) -> list[str]:
    """Return one more than a sentence lists."""
    if promotion.applies_to == Promotion.AppliesTo.TAGS:
        return promotion.tags[: MOST_NAMED + 1]
    targets = _MODELS[promotion.applies_to]._default_manager.filter(pk__in=promotion.targets).order_by("pk")
    return list(targets.values_list("name", flat=True)[: MOST_NAMED + 1])


def _minima(promotion: Promotion) -> list[str]:
    minima = []
    if promotion.minimum_subtotal:
        minima.append(f"from {price(promotion.minimum_subtotal)}")
    if promotion.minimum_quantity:
        minima.append(f"from {promotion.minimum_quantity} units")
    return minima


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _day(moment: object) -> str:
    return date_format(timezone.localtime(moment), "j M Y")  # type: ignore[arg-type]
