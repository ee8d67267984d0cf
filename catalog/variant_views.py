from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import services, stock
from catalog.errors import (
    CompareAtPriceTooLow,
    DuplicateOptions,
    LastVariant,
    OutOfStock,
    SaleInvalid,
    SkuTaken,
    StockBelowZero,
    TooManyVariants,
    UnknownImage,
)
from catalog.listing.variants import StaffVariantSerializer, get_variant
from catalog.models import Product, Variant
from catalog.serializers import NewVariantSerializer, StockChangeSerializer, VariantUpdateSerializer
from catalog.variant_changes import create_variant, delete_variant
from catalog.views import INPUT_CODES, StaffWrites
from shop.api.renderers import JSONReply
from shop.api.resources import permissions_of
from shop.http.addresses import base_url

VARIANT_ERRORS = [SkuTaken, DuplicateOptions, CompareAtPriceTooLow, SaleInvalid, UnknownImage, *INPUT_CODES]


class VariantViewSet(StaffWrites, viewsets.GenericViewSet):
    """Variants, for staff."""

    queryset = Variant.objects.all()
    serializer_class = VariantUpdateSerializer
    public_reads = False
    lookup_value_regex = "[0-9a-f]{24}"
    operation_ids = {
        "retrieve": "getVariant",
        "partial_update": "updateVariant",
        "destroy": "deleteVariant",
        "stock": "changeStock",
    }
    required_permissions = {
        "retrieve": permissions_of(Variant, "view"),
        "partial_update": "catalog.change_variant",
        "destroy": "catalog.delete_variant",
        "stock": "catalog.change_variant",
    }
    errors = {
        "partial_update": [*VARIANT_ERRORS, StockBelowZero],
        "destroy": [LastVariant],
        "stock": [OutOfStock],
    }

    @extend_schema(responses=StaffVariantSerializer)
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        """Return a variant, also of an inactive product (staff only)."""
        return self.reply(self.get_object())

    @extend_schema(request=VariantUpdateSerializer, responses=StaffVariantSerializer)
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        """Change a variant's price, SKU, options, images, place or activity (staff only)."""
        variant = self.get_object()
        data = self.validated(VariantUpdateSerializer(data=request.data, partial=True))
        services.update_variant(variant=variant, data=data, actor=str(request.user.pk))
        return self.reply(variant)

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a variant (staff only). One that was ever sold is deactivated instead."""
        delete_variant(variant=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=StockChangeSerializer, responses=StaffVariantSerializer)
    @action(detail=True, methods=["post"], serializer_class=StockChangeSerializer)
    def stock(self, request: Request, pk: str) -> HttpResponse:
        """Change the stock by `delta`, or `set` it to the counted stock (staff only)."""
        variant = self.get_object()
        change = self.validated(StockChangeSerializer(data=request.data))
        stock.adjust(
            variant,
            delta=change.get("delta"),
            to=change.get("set"),
            note=change["reason"],
            reference=str(request.user.pk),
        )
        return self.reply(variant)

    def reply(self, variant: Variant) -> HttpResponse:
        return JSONReply(get_variant(variant.pk, base_url=base_url(self.request)))


class ProductVariantViewSet(StaffWrites, viewsets.GenericViewSet):
    """Variants of a product, for staff."""

    queryset = Variant.objects.all()
    serializer_class = NewVariantSerializer
    public_reads = False
    pagination_class = None
    operation_ids = {"create": "createVariant"}
    required_permissions = {"create": "catalog.add_variant"}
    errors = {"create": [NotFound, *VARIANT_ERRORS, TooManyVariants]}

    @extend_schema(request=NewVariantSerializer, responses={201: StaffVariantSerializer})
    def create(self, request: Request, product_pk: str) -> HttpResponse:
        """Add a variant to a product (staff only)."""
        product = get_object_or_404(Product.objects.all(), pk=product_pk)
        data = self.validated(NewVariantSerializer(data=request.data))
        variant = create_variant(product=product, data=data, actor=str(request.user.pk))
        return JSONReply(get_variant(variant.pk, base_url=base_url(request)), status=status.HTTP_201_CREATED)
