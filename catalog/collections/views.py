from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.collections.models import Collection
from catalog.collections.serializers import CollectionSerializer
from catalog.redirects import Kind
from catalog.views import MOVED, FormerSlugsMixin, StaffWrites
from shop.api.conditional import ConditionalGetMixin


class CollectionViewSet(FormerSlugsMixin, ConditionalGetMixin, StaffWrites, viewsets.ReadOnlyModelViewSet):
    """Hand-sorted groups of products."""

    serializer_class = CollectionSerializer
    queryset = Collection.objects.all()
    lookup_field = "slug"
    pagination_class = None

    def get_queryset(self) -> QuerySet[Collection]:
        return Collection.objects.active()

    def list(self, request: Request) -> Response:
        """List all collections, sorted by position and name. `GET /products/?collection=` has the products of one."""
        return Response(self.get_serializer(self.get_queryset(), many=True).data)

    @extend_schema(responses={200: CollectionSerializer, 301: MOVED})
    def retrieve(self, request: Request, slug: str) -> HttpResponseBase:  # type: ignore[override]
        """Return a collection by its slug."""
        collection = self.get_queryset().filter(slug=slug).first()
        if collection is None:
            return self.redirected(Kind.COLLECTION, slug)
        return Response(self.get_serializer(collection).data)
