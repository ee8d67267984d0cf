from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.bulk import prices, products, stock
from catalog.bulk.bodies import LIMITS, read_rows
from catalog.bulk.models import BulkProgress
from catalog.bulk.progress import Progress
from catalog.bulk.results import Outcome, reply_of
from catalog.bulk.running import Write, write_rows
from catalog.bulk.serializers import (
    BulkResultSerializer,
    PriceRowSerializer,
    ProductRowSerializer,
    StockRowSerializer,
)
from catalog.models import Variant
from shop.api import idempotency
from shop.api.permissions import HasModelPermission, staff_may

ERRORS = [ValidationError, *idempotency.ERRORS]
PRODUCTS_EXAMPLE = OpenApiExample(
    "A new product and a changed one",
    request_only=True,
    value=[
        {
            "slug": "t-shirt",
            "name": "T-shirt",
            "category": "clothing",
            "variants": [{"sku": "TS-S", "options": {"size": "S"}, "price": "19.90", "stock": 12}],
        },
        {"sku": "MUG", "description": "Holds 300 ml.", "is_active": False},
    ],
)
STOCK_EXAMPLE = OpenApiExample(
    "A count and a delivery",
    request_only=True,
    value=[{"sku": "TS-S", "set": 12, "reason": "Counted"}, {"sku": "MUG", "delta": 40}],
)
PRICES_EXAMPLE = OpenApiExample(
    "A price and a sale",
    request_only=True,
    value=[
        {"sku": "TS-S", "price": "19.90"},
        {"sku": "MUG", "sale_price": "7.50", "sale_ends_at": "2026-12-24T23:00:00Z"},
    ],
)


def reply_to(
    request: Request, write: Write, serializer_class: type[Serializer], *, at_once: int, scope: str
) -> Response:
    """Write the rows of the body; once per ``Idempotency-Key``."""

    def work() -> Response:
        rows, outcomes = read_rows(request.data, serializer_class)
        progress = Progress()
        outcomes += write_rows(rows, write, at_once=at_once, progress=progress)
        if all(outcome.is_final for outcome in outcomes):
            # Otherwise the key stays free, so that the rest follows when the call is repeated.
            progress.finish(outcomes)
        return Response(reply_of(outcomes))

    def replay(reference: str) -> Response:
        stored = get_object_or_404(BulkProgress.objects.all(), pk=reference)
        return Response(reply_of(map(Outcome.stored, stored.results)))

    return idempotency.run_once(request, scope=f"catalog.bulk.{scope}", replay=replay, work=work)


def actor_of(request: Request) -> str:
    return str(request.user.pk)


class BulkProducts:
    """For the viewset of products."""

    request: Any

    @extend_schema(
        parameters=idempotency.HEADERS,
        request=ProductRowSerializer(many=True, **LIMITS),
        responses=BulkResultSerializer,
        examples=[PRODUCTS_EXAMPLE],
    )
    @action(detail=False, methods=["post"], pagination_class=None)
    def bulk(self, request: Request) -> Response:
        """Create or update up to 1,000 products, found by `id`, `sku` or `slug` (staff only).

        Each row is a change of its own with a result of its own: a row that is refused does not affect others. Fields
        that are left out stay as they are, as do variants that are not named. Repeating the call changes nothing. A
        row without a product creates one, which needs `name` and `price`. Changes of prices, stock and variants also
        need the permission to change variants. If time runs out, the rest is `not_processed`: send it again.
        """
        user = request.user
        write = partial(
            products.write,
            actor=actor_of(request),
            may_add=staff_may(user, "catalog.add_product"),
            may_change=staff_may(user, "catalog.change_product"),
            may_change_variants=staff_may(user, "catalog.change_variant"),
        )
        return reply_to(request, write, ProductRowSerializer, at_once=products.AT_ONCE, scope="products")


class _BulkOfVariants(viewsets.GenericViewSet):
    queryset = Variant.objects.none()
    serializer_class = BulkResultSerializer
    permission_classes = [HasModelPermission]
    pagination_class = None
    rate_scopes = {"bulk": "bulk"}
    errors = {"bulk": ERRORS}

    def get_required_permission(self) -> str | None:
        return "catalog.change_variant" if (self.request.method or "").lower() in self.action_map else None


class StockViewSet(_BulkOfVariants):
    """Stock of many variants."""

    operation_ids = {"bulk": "writeStock"}

    @extend_schema(
        parameters=idempotency.HEADERS,
        request=StockRowSerializer(many=True, **LIMITS),
        responses=BulkResultSerializer,
        examples=[STOCK_EXAMPLE],
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Change the stock of up to 1,000 variants by `delta`, or `set` it to the counted stock (staff only).

        Each row is a change of its own with a result of its own. Send an `Idempotency-Key` with `delta`: then no row is
        applied twice when the call is repeated, even if the connection broke or a server crashed.
        """
        write = partial(stock.write, actor=actor_of(request))
        return reply_to(request, write, StockRowSerializer, at_once=stock.AT_ONCE, scope="stock")


class PriceViewSet(_BulkOfVariants):
    """Prices of many variants."""

    operation_ids = {"bulk": "writePrices"}

    @extend_schema(
        parameters=idempotency.HEADERS,
        request=PriceRowSerializer(many=True, **LIMITS),
        responses=BulkResultSerializer,
        examples=[PRICES_EXAMPLE],
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Set prices and sale prices of up to 1,000 variants (staff only).

        Each row is a change of its own with a result of its own. `compare_at_price` is the product's, and also needs
        the permission to change products.
        """
        write = partial(prices.write, may_change_products=staff_may(request.user, "catalog.change_product"))
        return reply_to(request, write, PriceRowSerializer, at_once=prices.AT_ONCE, scope="prices")
