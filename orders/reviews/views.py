from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import SAFE_METHODS, AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import UserRequest
from accounts.models import User
from catalog.lookup import find_product
from catalog.models import Product
from orders.errors import AlreadyReviewed, NotBought
from orders.reviews import services
from orders.reviews.models import Review
from orders.reviews.serializers import ReviewQuerySerializer, ReviewSerializer
from shop.api.bodies import BodyValidationMixin
from shop.api.conditional import ConditionalGetMixin
from shop.api.permissions import HasAccount
from shop.api.query import validated_query

PRODUCT = OpenApiParameter("product_pk", str, OpenApiParameter.PATH, description="The product's id or slug.")


class ReviewViewSet(ConditionalGetMixin, BodyValidationMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """Reviews of a product."""

    queryset = Review.objects.all()
    serializer_class = ReviewSerializer
    public_reads = True
    lookup_value_regex = "[0-9a-f]{24}"
    operation_ids = {
        "list": "listReviews",
        "create": "createReview",
        "partial_update": "updateReview",
        "destroy": "deleteReview",
    }
    rate_scopes = {"create": "review", "partial_update": "review", "destroy": "review"}
    errors = {"list": [ValidationError], "create": [NotFound, NotBought, AlreadyReviewed]}

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if self.request.method in SAFE_METHODS else HasAccount()]

    def get_queryset(self) -> QuerySet[Review]:
        reviews = Review.objects.filter(product=self.product).prefetch_related("user")
        user = self.request.user
        own = reviews.owned_by(user) if isinstance(user, User) else reviews.none()
        if self.action != "list":
            return own
        query = validated_query(ReviewQuerySerializer, self.request.query_params)
        return own if query["mine"] else reviews.shown()

    @property
    def product(self) -> Product:
        return find_product(self.kwargs["product_pk"], user=self.request.user)

    @extend_schema(parameters=[PRODUCT, ReviewQuerySerializer])
    def list(self, request: Request, product_pk: str) -> Response:
        """List the reviews of a product, newest first."""
        return super().list(request)

    @extend_schema(parameters=[PRODUCT], responses={201: ReviewSerializer})
    def create(self, request: UserRequest, product_pk: str) -> Response:
        """Review a product that you have paid for. One review per product."""
        product = self.product
        review = services.write_review(user=request.user, product=product, data=self.validated())
        return Response(self.get_serializer(review).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[PRODUCT])
    def partial_update(self, request: Request, product_pk: str, pk: str) -> Response:
        """Change your own review."""
        review = self.get_object()
        serializer = self.get_serializer(review, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        review = services.change_review(review=review, data=serializer.validated_data)
        return Response(self.get_serializer(review).data)

    @extend_schema(parameters=[PRODUCT])
    def destroy(self, request: Request, product_pk: str, pk: str) -> Response:
        """Delete your own review."""
        services.delete_review(review=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
