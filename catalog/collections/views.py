from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.collections.models import Collection
from catalog.collections.serializers import CollectionSerializer
from catalog.redirects import Kind
from catalog.views import MOVED, FormerSlugsMixin, StaffWrites
from shop.api import pagination
from shop.api.conditional import ConditionalGetMixin
from shop.api.query import non_blank_parameters, refuse_unknown_filter


class CollectionPagination(pagination.ListPagination):
    """By position and name; without cursors, because there are few collections."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        for name, _ in non_blank_parameters(request.query_params):
            refuse_unknown_filter(name)
        return super().paginate_queryset(queryset, request, view)

    def read(self, *, skip: int, limit: int) -> list[Collection]:
        rows = list(self.source[skip : skip + limit])
        self.counted = skip + len(rows) if len(rows) < limit else self.source[: pagination.MAX_COUNTED + 1].count()
        return rows

    def after(self, position: Any) -> Any:
        raise NotFound("Invalid cursor.")

    def position_of(self, rows: list[Any]) -> None:
        return None


class CollectionViewSet(FormerSlugsMixin, ConditionalGetMixin, StaffWrites, viewsets.ReadOnlyModelViewSet):
    """Hand-sorted groups of products."""

    serializer_class = CollectionSerializer
    queryset = Collection.objects.all()
    lookup_field = "slug"
    pagination_class = CollectionPagination
    operation_ids = {"list": "listCollections", "retrieve": "getCollection"}

    def get_queryset(self) -> QuerySet[Collection]:
        return Collection.objects.active()

    def list(self, request: Request) -> Response:
        """List collections by position and name. `GET /products/?collection=` has the products of one."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={200: CollectionSerializer, 301: MOVED})
    def retrieve(self, request: Request, slug: str) -> HttpResponseBase:  # type: ignore[override]
        """Return a collection by its slug."""
        collection = self.get_queryset().filter(slug=slug).first()
        if collection is None:
            return self.redirected(Kind.COLLECTION, slug)
        return Response(self.get_serializer(collection).data)
