from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.categories import free_category_slug
from catalog.category_views import find_by_slug_or_id
from catalog.collections import membership, services
from catalog.collections.models import Collection, CollectionItem
from catalog.collections.serializers import (
    CollectionImageSerializer,
    CollectionProductsSerializer,
    CollectionSerializer,
    PlacedProductSerializer,
    StaffCollectionSerializer,
)
from catalog.errors import SlugTaken
from catalog.models import Product
from catalog.redirects import Kind
from catalog.views import MOVED, FormerSlugsMixin
from shop.api import pagination
from shop.api.conditional import ConditionalGetMixin
from shop.api.permissions import staff_may
from shop.api.query import non_blank_parameters, refuse_unknown_filter
from shop.api.resources import CreateAndUpdate, Destroy, operations, permissions_of
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.media import InvalidImage


class CollectionPagination(pagination.ListPagination):
    """In the order of a queryset; without cursors, because collections are few and sorted by hand."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        for name, _ in non_blank_parameters(request.query_params):
            refuse_unknown_filter(name)
        return super().paginate_queryset(queryset, request, view)

    def read(self, *, skip: int, limit: int) -> list[Any]:
        rows = list(self.source[skip : skip + limit])
        self.counted = skip + len(rows) if len(rows) < limit else self.source[: pagination.MAX_COUNTED + 1].count()
        return rows

    def after(self, position: Any) -> Any:
        raise NotFound("Invalid cursor.")

    def position_of(self, rows: list[Any]) -> None:
        return None


@operations("collection", "collections", but=("list", "retrieve"))
class CollectionViewSet(CreateAndUpdate, Destroy, FormerSlugsMixin, ConditionalGetMixin, viewsets.ReadOnlyModelViewSet):
    """Hand-sorted groups of products."""

    serializer_class = CollectionSerializer
    queryset = Collection.objects.all()
    lookup_field = "slug"
    lookup_value_regex = "[^/.]+"
    pagination_class = CollectionPagination
    taken_error = SlugTaken
    rate_scopes = {"image": "upload"}
    verbs = {
        "image": "change",
        "delete_image": "change",
        "products": "view",
        "change_products": "change",
    }
    errors = {"list": [ValidationError], "products": [ValidationError], "image": InvalidImage.codes}
    operation_ids = {
        "list": "listCollections",
        "retrieve": "getCollection",
        "image": "uploadCollectionImage",
        "delete_image": "deleteCollectionImage",
        "products": "listCollectionProducts",
        "change_products": "changeCollectionProducts",
    }

    @property
    def public_reads(self) -> bool:
        return self.action != "products"

    @property
    def sees_all(self) -> bool:
        return staff_may(self.request.user, *permissions_of(Collection, "view"))

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        if self.action in ("list", "retrieve") and (self.request is None or not self.sees_all):
            return CollectionSerializer
        return StaffCollectionSerializer

    def get_queryset(self) -> QuerySet[Collection]:
        is_public = self.action in ("list", "retrieve") and not self.sees_all
        return Collection.objects.active() if is_public else Collection.objects.all()

    def get_object(self) -> Collection:
        """Find it by its slug or id. Raises ``Http404``."""
        return find_by_slug_or_id(self.get_queryset().order_by(), self.kwargs["slug"])

    def save(self, row: Collection, *, changed: list[str], data: dict[str, Any]) -> None:
        row.slug = row.slug or free_category_slug(row.name, Collection)
        services.save_collection(collection=row, changed=changed)

    def list(self, request: Request) -> Response:
        """List collections by position and name. `GET /products/?collection=` has the products of one."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={200: CollectionSerializer, 301: MOVED})
    def retrieve(self, request: Request, slug: str) -> HttpResponseBase:  # type: ignore[override]
        """Return a collection by its slug or id."""
        try:
            return self.reply(self.get_object())
        except Http404:
            return self.redirected(Kind.COLLECTION, slug)

    def _remove(self) -> None:
        # It is logged there.
        membership.delete_collection(collection=self.get_unchanged())

    @extend_schema(request={"multipart/form-data": CollectionImageSerializer}, responses=StaffCollectionSerializer)
    @action(detail=True, methods=["put"], parser_classes=[MultiPartParser])
    def image(self, request: Request, slug: str) -> Response:
        """Upload a JPEG, PNG or WebP image (staff only)."""
        serializer = CollectionImageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.set_image(collection=self.get_object(), **serializer.validated_data)
        return self.reply(self.get_object())

    @extend_schema(responses={204: None})
    @image.mapping.delete
    def delete_image(self, request: Request, slug: str) -> Response:
        """Delete the image (staff only)."""
        services.set_image(collection=self.get_object(), image=None)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=PlacedProductSerializer(many=True))
    @action(detail=True)
    def products(self, request: Request, slug: str) -> Response:
        """List the products in their hand-made order, also inactive ones (staff only)."""
        items = CollectionItem.objects.filter(collection=self.get_object().pk).order_by("position", "pk")
        page = self.paginate_queryset(items) or []
        rows = Product.objects.only("name", "slug", "is_active").in_bulk([item.product_id for item in page])
        placed = [rows[item.product_id] for item in page if item.product_id in rows]
        return self.get_paginated_response(PlacedProductSerializer(placed, many=True).data)

    @extend_schema(request=CollectionProductsSerializer, responses={204: None})
    @products.mapping.patch
    def change_products(self, request: Request, slug: str) -> Response:
        """Remove, sort and add products (staff only)."""
        self.in_transaction(self._change_products)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change_products(self) -> None:
        collection = self.get_object()
        serializer = CollectionProductsSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        if changes := serializer.validated_data:
            services.change_products(collection=collection, **changes)
            staff_log.record(Action.CHANGE, collection, fields=["products"])
