from typing import Any

from django.db.models import QuerySet
from rest_framework.response import Response

from cart.errors import UsageLimitTooLow
from cart.promotions import services
from cart.promotions.models import Promotion
from cart.promotions.rules import MISSING
from cart.promotions.serializers import PromotionQuerySerializer, PromotionSerializer
from shop.api.resources import InUse, StaffResource, ValueTaken, operations


@operations("promotion", "promotions")
class PromotionViewSet(StaffResource):
    """Automatic discounts and coupons, for staff."""

    queryset = Promotion.objects.all()
    serializer_class = PromotionSerializer
    filters = PromotionQuerySerializer
    taken_error = ValueTaken
    input_codes = (MISSING, "order", "step")
    errors = {"update": [UsageLimitTooLow], "partial_update": [UsageLimitTooLow]}

    def filtered(self, rows: QuerySet[Promotion], **filters: Any) -> QuerySet[Promotion]:
        if filters.keys() & {"is_active", "kind"}:
            # With all values of the other, MongoDB merges ranges of one index in the order of ids.
            filters.setdefault("is_active__in", [filters.pop("is_active")] if "is_active" in filters else [True, False])
            filters.setdefault("kind__in", [filters.pop("kind")] if "kind" in filters else list(Promotion.Kind))
        return rows.filter(**filters)

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        services.set_free_uses(page or [])
        return page

    def reply(self, row: Promotion, **options: Any) -> Response:
        services.set_free_uses([row])
        return super().reply(row, **options)

    def save(self, row: Promotion, *, changed: list[str], data: dict[str, Any]) -> None:
        services.save_promotion(promotion=row, changed=changed)

    def remove(self, row: Promotion) -> None:
        if reason := services.use_of_promotion(row):
            raise InUse(reason)
        row.delete()
