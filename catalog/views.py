from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotAuthenticated, PermissionDenied, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from catalog import images, services
from catalog.bulk.views import ERRORS as BULK_ERRORS
from catalog.bulk.views import BulkProducts
from catalog.categories import count_products, in_tree_order
from catalog.category_views import CategoryWrites
from catalog.duplicates import duplicate_product
from catalog.errors import (
    CompareAtPriceTooLow,
    DuplicateOptions,
    SaleInvalid,
    SkuTaken,
    SlugTaken,
    StockBelowZero,
    UnknownImage,
    VariantRequired,
)
from catalog.listing import replies
from catalog.listing.facets import FacetsSerializer, count_facets
from catalog.listing.filters import ProductFilters, ProductQuery
from catalog.listing.orderings import Condition
from catalog.listing.pagination import ProductPagination
from catalog.listing.parameters import ACTIVE, NAMED_PARAMETERS, ProductFiltersSerializer, ProductQuerySerializer
from catalog.listing.pictures import PictureSerializer, picture
from catalog.listing.replies import (
    ProductDetailSerializer,
    ProductSerializer,
)
from catalog.listing.suggestions import (
    SUGGESTIONS_EXAMPLE,
    SuggestionQuerySerializer,
    SuggestionSerializer,
    suggest,
)
from catalog.lookup import SEE_ALL, current_slug, find_product, match_id_or_slug
from catalog.models import Category, Product, ProductImage
from catalog.redirects import Kind
from catalog.serializers import (
    CategorySerializer,
    ImageUpdateSerializer,
    ImageUploadSerializer,
    ProductWriteSerializer,
    has_fields_of_variants,
)
from shop.api.conditional import ConditionalGetMixin
from shop.api.permissions import HasModelPermission, staff_may
from shop.api.renderers import JSONReply
from shop.api.resources import operations
from shop.http.addresses import base_url
from shop.media import InvalidImage
from shop.media.urls import image_urls

# Of names, options and slugs of products.
INPUT_CODES = ("duplicate_name", "duplicate_value", "invalid_name", "invalid_value", "reserved_slug")
CHANGE_ERRORS: list[type[APIException] | str] = [
    SlugTaken,
    SkuTaken,
    VariantRequired,
    DuplicateOptions,
    CompareAtPriceTooLow,
    SaleInvalid,
    UnknownImage,
    StockBelowZero,
    *INPUT_CODES,
]
# Of the copy's variants and images.
DUPLICATE = ("catalog.add_variant", "catalog.add_productimage")
MOVED = OpenApiResponse(description="A former slug; `Location` has today's.")


class FormerSlugsMixin(APIView):
    def redirected(self, kind: Kind, slug: str) -> HttpResponse:
        """Redirect from a former slug to the object's address. Raises ``Http404``."""
        today = current_slug(kind, slug, user=self.request.user)
        if today is None:
            raise Http404
        request = self.request
        above, _, _ = request.path.rstrip("/").rpartition("/")
        query = request.META.get("QUERY_STRING", "")
        reply = HttpResponsePermanentRedirect(f"{base_url(request)}{above}/{today}/{query and '?'}{query}")
        # Browsers keep redirects for ever, but the slug may be used again.
        reply.headers["Cache-Control"] = "no-cache"
        return reply


class StaffWrites(viewsets.GenericViewSet):
    """Public reads; writes need the action's permission."""

    permission_classes = [HasModelPermission]
    public_reads = True
    # One of them is enough.
    required_permissions: dict[str, str | tuple[str, ...]] = {}

    def get_required_permission(self) -> str | tuple[str, ...] | None:
        # Not `self.action`: OPTIONS asks about other methods.
        action = self.action_map.get((self.request.method or "").lower())
        return None if action is None else self.required_permissions[action]

    @staticmethod
    def validated(serializer: Serializer) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


@operations("category", "categories", but=("list", "retrieve"))
class CategoryViewSet(CategoryWrites, FormerSlugsMixin, ConditionalGetMixin, viewsets.ReadOnlyModelViewSet):
    """Categories."""

    serializer_class = CategorySerializer
    queryset = Category.objects.all()
    public_reads = True
    pagination_class = None
    operation_ids = {"list": "listCategories", "retrieve": "getCategory"}

    def list(self, request: Request) -> Response:
        """List all categories: parents before children, siblings by position and name."""
        categories = in_tree_order(self.get_queryset())
        count_products(categories)
        return Response(self.get_serializer(categories, many=True).data)

    @extend_schema(responses={200: CategorySerializer, 301: MOVED})
    def retrieve(self, request: Request, slug: str) -> HttpResponseBase:  # type: ignore[override]
        """Return a category by its slug or id."""
        try:
            return self.reply(self.get_object())
        except Http404:
            return self.redirected(Kind.CATEGORY, slug)


class ProductViewSet(BulkProducts, FormerSlugsMixin, ConditionalGetMixin, StaffWrites, viewsets.GenericViewSet):
    """Products."""

    queryset = Product.objects.all()
    serializer_class = ProductSerializer
    pagination_class = ProductPagination
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    operation_ids = {
        "list": "listProducts",
        "facets": "getProductFacets",
        "suggest": "suggestSearches",
        "retrieve": "getProduct",
        "create": "createProduct",
        "update": "replaceProduct",
        "partial_update": "updateProduct",
        "destroy": "deleteProduct",
        "bulk": "writeProducts",
        "duplicate": "duplicateProduct",
    }
    rate_scopes = {"facets": "facets", "bulk": "bulk"}
    errors = {
        "list": [ValidationError, PermissionDenied, NotAuthenticated, "collection_required", "search_required"],
        "facets": [ValidationError],
        "suggest": [ValidationError],
        "create": [
            SlugTaken,
            SkuTaken,
            DuplicateOptions,
            CompareAtPriceTooLow,
            SaleInvalid,
            UnknownImage,
            *INPUT_CODES,
        ],
        "bulk": BULK_ERRORS,
        "update": CHANGE_ERRORS,
        "partial_update": CHANGE_ERRORS,
    }
    required_permissions = {
        "bulk": ("catalog.add_product", "catalog.change_product"),
        "create": "catalog.add_product",
        "update": "catalog.change_product",
        "partial_update": "catalog.change_product",
        "destroy": "catalog.delete_product",
        "duplicate": "catalog.add_product",
    }

    @extend_schema(
        parameters=[ProductQuerySerializer, *NAMED_PARAMETERS], responses=replies.ListedProductSerializer(many=True)
    )
    def list(self, request: Request) -> HttpResponse:
        """List products with filters, search and ordering."""
        query: Any = ProductQuery(request.query_params)
        if query.status != ACTIVE and not staff_may(request.user, *SEE_ALL):
            self.permission_denied(request)
        return self.get_paginated_response(self.paginate_queryset(query))

    @extend_schema(parameters=[ProductFiltersSerializer, *NAMED_PARAMETERS], responses=FacetsSerializer)
    @action(detail=False, pagination_class=None)
    def facets(self, request: Request) -> Response:
        """Count the matching products per category, price range, brand, tag, attribute and option.

        Takes the filters of the list. The counts of a filter ignore its own value: with `attr_colour=red`, other
        colours are counted too. An option's value counts the products that have it, in a variant that meets the other
        `opt_NAME`. Chosen values are listed even without matches. If each of the filters has more than
        10,000 products, only the newest 10,000 of one of them are looked at, and `exact` is false; `/categories/`
        always has exact counts.
        """
        return Response(FacetsSerializer(count_facets(ProductFilters(request.query_params))).data)

    @extend_schema(
        parameters=[SuggestionQuerySerializer],
        responses=SuggestionSerializer(many=True),
        examples=[OpenApiExample("q=hoo", value=SUGGESTIONS_EXAMPLE, response_only=True)],
    )
    @action(detail=False, pagination_class=None)
    def suggest(self, request: Request) -> Response:
        """Suggest up to ten products, categories, brands and searches for what is typed so far.

        Products with the words in their names come first, of these the ones in stock, then the best-selling ones.
        Inactive products, and categories and brands without active ones, are not suggested. If there is nothing to
        suggest, typing errors are corrected as in the list. Without `q` the reply is empty.
        """
        query = SuggestionQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(SuggestionSerializer(suggest(query.validated_data.get("q", "")), many=True).data)

    @extend_schema(responses={200: ProductDetailSerializer, 301: MOVED})
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        """Return a product by its id or slug."""
        try:
            return self.reply(match_id_or_slug(pk))
        except Http404:
            return self.redirected(Kind.PRODUCT, pk)

    @extend_schema(request=ProductWriteSerializer, responses={201: ProductDetailSerializer})
    def create(self, request: Request) -> HttpResponse:
        """Create a product with `variants`, or with the price and stock of a single variant (staff only)."""
        data = self.validated(ProductWriteSerializer(data=request.data))
        product = services.create_product(data=data, actor=str(request.user.pk))
        return self.reply({"_id": product.pk}, status=status.HTTP_201_CREATED)

    @extend_schema(request=ProductWriteSerializer, responses=ProductDetailSerializer)
    def update(self, request: Request, pk: str, *, partial: bool = False) -> HttpResponse:
        """Replace a product (staff only). Prices, stock and variants also need the permission to change variants."""
        product = find_product(pk, user=request.user)
        data = self.validated(ProductWriteSerializer(product, data=request.data, partial=partial))
        changes_variants = has_fields_of_variants(data) or "sku" in data
        if changes_variants and not staff_may(request.user, "catalog.change_variant"):
            raise PermissionDenied
        services.update_product(product=product, data=data, actor=str(request.user.pk))
        return self.reply({"_id": product.pk})

    @extend_schema(request=ProductWriteSerializer, responses=ProductDetailSerializer)
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        """Update fields of a product (staff only).

        Prices, stock and variants also need the permission to change variants.
        """
        return self.update(request, pk, partial=True)

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a product (staff only). A product that was ever sold is deactivated instead."""
        services.delete_product(product=find_product(pk, user=request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: ProductDetailSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> HttpResponse:
        """Copy a product to a draft, with its variants and images, other SKUs and no stock (staff only)."""
        if not staff_may(request.user, *SEE_ALL) or not request.user.has_perms(DUPLICATE):
            raise PermissionDenied
        copy = duplicate_product(product=find_product(pk, user=request.user))
        return self.reply({"_id": copy.pk}, status=status.HTTP_201_CREATED)

    def reply(self, where: Condition, *, status: int = status.HTTP_200_OK) -> HttpResponse:
        for_staff = staff_may(self.request.user, *SEE_ALL)
        product = replies.get_product_detail(where, for_staff=for_staff, base_url=base_url(self.request))
        if product is None:
            raise Http404
        return JSONReply(product, status=status)


class ProductImageViewSet(StaffWrites, viewsets.GenericViewSet):
    """Pictures of a product."""

    queryset = ProductImage.objects.all()
    serializer_class = ImageUpdateSerializer
    public_reads = False
    pagination_class = None
    operation_ids = {
        "create": "uploadProductImage",
        "partial_update": "updateProductImage",
        "destroy": "deleteProductImage",
    }
    rate_scopes = {"create": "upload"}
    errors = {"create": InvalidImage.codes}
    lookup_value_regex = "[0-9a-f]{24}"
    required_permissions = {
        "create": "catalog.add_productimage",
        "partial_update": "catalog.change_productimage",
        "destroy": "catalog.delete_productimage",
    }

    def get_queryset(self) -> QuerySet[ProductImage]:
        return ProductImage.objects.filter(product=self.kwargs["product_pk"])

    def get_parsers(self) -> list:
        if self.request is not None and self.request.method == "POST":
            return [MultiPartParser()]
        return super().get_parsers()

    @extend_schema(request={"multipart/form-data": ImageUploadSerializer}, responses={201: PictureSerializer})
    def create(self, request: Request, product_pk: str) -> Response:
        """Upload a JPEG, PNG or WebP image as the product's last one (staff only)."""
        product = get_object_or_404(Product.objects.all(), pk=product_pk)
        image = images.add_image(product=product, **self.validated(ImageUploadSerializer(data=request.data)))
        return Response(self.as_picture(image), status=status.HTTP_201_CREATED)

    @extend_schema(responses=PictureSerializer)
    def partial_update(self, request: Request, product_pk: str, pk: str) -> Response:
        """Change an image's alternative text or position (staff only)."""
        image = self.get_object()
        data = self.validated(ImageUpdateSerializer(data=request.data))
        return Response(self.as_picture(images.update_image(image=image, data=data)))

    def destroy(self, request: Request, product_pk: str, pk: str) -> Response:
        """Delete an image (staff only)."""
        images.delete_image(image=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def as_picture(self, image: ProductImage) -> dict[str, Any]:
        return picture(
            pk=image.pk,
            alt=image.alt,
            position=image.rank,
            size=(image.width, image.height),
            urls=image_urls(image.name, base_url=base_url(self.request)),
        )
