from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.bodies import BodyValidationMixin
from shop.api.permissions import HasModelPermission, staff_may
from shop.api.query import validated_query
from shop.webhooks import services
from shop.webhooks.errors import DeliveryHeld, EndpointDisabled, TooManyEndpoints
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint, permissions_for
from shop.webhooks.serializers import (
    CreatedEndpointSerializer,
    DeliveryQuerySerializer,
    DeliverySerializer,
    EndpointSerializer,
    SecretSerializer,
)

ENDPOINT_EXAMPLE = OpenApiExample(
    "Orders and stock",
    request_only=True,
    value={"url": "https://erp.example.com/webhooks", "types": ["order.paid", "order.cancelled", "stock.*"]},
)
ENDPOINT = OpenApiParameter("endpoint_pk", str, OpenApiParameter.PATH, description="The endpoint's id.")
# Of addresses and types.
INPUT_CODES = ("invalid_url", "unknown_type")
_ADD, _CHANGE, _VIEW, _DELETE = (f"shop.{verb}_webhookendpoint" for verb in ("add", "change", "view", "delete"))


class _StaffOnly(BodyValidationMixin, viewsets.GenericViewSet):
    permission_classes = [HasModelPermission]
    lookup_value_regex = "[0-9a-f]{24}"
    required_permissions: dict[str, str] = {}

    def get_required_permission(self) -> str | None:
        action = self.action_map.get((self.request.method or "").lower())
        return None if action is None else self.required_permissions[action]


class WebhookEndpointViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _StaffOnly):
    """Addresses to which the shop sends changes, for staff and integrations."""

    queryset = WebhookEndpoint.objects.all()
    serializer_class = EndpointSerializer
    required_permissions = {
        "list": _VIEW,
        "retrieve": _VIEW,
        "create": _ADD,
        "partial_update": _CHANGE,
        "destroy": _DELETE,
        "rotate_secret": _CHANGE,
        "test": _CHANGE,
    }
    operation_ids = {
        "list": "listWebhookEndpoints",
        "retrieve": "getWebhookEndpoint",
        "create": "addWebhookEndpoint",
        "partial_update": "changeWebhookEndpoint",
        "destroy": "deleteWebhookEndpoint",
        "rotate_secret": "rotateWebhookSecret",
        "test": "testWebhookEndpoint",
    }
    errors = {
        "list": [ValidationError],
        "create": [PermissionDenied, TooManyEndpoints, *INPUT_CODES],
        "partial_update": [PermissionDenied, *INPUT_CODES],
        "rotate_secret": [PermissionDenied],
        "test": [EndpointDisabled],
    }

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List endpoints, newest first."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an endpoint."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=EndpointSerializer, responses={201: CreatedEndpointSerializer}, examples=[ENDPOINT_EXAMPLE])
    def create(self, request: Request) -> Response:
        """Add an endpoint. The reply has the secret that signs its messages, which is shown only once."""
        fields = self.validated(EndpointSerializer)
        self._require_may_see(fields["types"])
        endpoint, secret = services.create_endpoint(**fields)
        shown = self.get_serializer(endpoint).data
        return Response({**shown, "secret": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(request=EndpointSerializer, responses=EndpointSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an endpoint, or disable it and enable it again."""
        endpoint = self.get_object()
        serializer = self.get_serializer(endpoint, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        if {"url", "types", "enabled"} & fields.keys():
            # Also of the types that it has: another address would receive them.
            self._require_may_see([*endpoint.types, *fields.get("types", ())])
        return Response(self.get_serializer(services.change_endpoint(endpoint=endpoint, fields=fields)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an endpoint. What is not delivered is never sent."""
        services.delete_endpoint(endpoint=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret", pagination_class=None)
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """Return a new secret, which is shown only once. For 24 hours messages are signed with the former one, too."""
        endpoint = self.get_object()
        self._require_may_see(endpoint.types)
        return Response({"secret": services.rotate_secret(endpoint=endpoint)})

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"], pagination_class=None)
    def test(self, request: Request, pk: str) -> Response:
        """Send a message of the type `webhook.test` within seconds; its delivery shows how that went."""
        delivery = services.send_test(endpoint=self.get_object())
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)

    def _require_may_see(self, types: Sequence[str]) -> None:
        """Raise ``PermissionDenied`` for an endpoint that would receive what the user may not see."""
        if not all(staff_may(self.request.user, permission) for permission in permissions_for(types)):
            raise PermissionDenied("You may not see all objects of these types.")


class WebhookDeliveryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _StaffOnly):
    """The log of an endpoint's deliveries, which goes back 30 days."""

    queryset = WebhookDelivery.objects.none()
    serializer_class = DeliverySerializer
    required_permissions = {
        "list": "shop.view_webhookdelivery",
        "retrieve": "shop.view_webhookdelivery",
        "replay": "shop.change_webhookdelivery",
    }
    operation_ids = {
        "list": "listWebhookDeliveries",
        "retrieve": "getWebhookDelivery",
        "replay": "replayWebhookDelivery",
    }
    errors = {"list": [NotFound, ValidationError], "replay": [DeliveryHeld, EndpointDisabled]}

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        endpoint = get_object_or_404(WebhookEndpoint, pk=self.kwargs["endpoint_pk"])
        found = WebhookDelivery.objects.filter(endpoint=endpoint.pk)
        if self.action == "list":
            wanted = validated_query(DeliveryQuerySerializer, self.request.query_params)
            return found.filter(**wanted)
        return found

    @extend_schema(parameters=[ENDPOINT, DeliveryQuerySerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List deliveries, newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(parameters=[ENDPOINT])
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a delivery with its attempts."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(parameters=[ENDPOINT], request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, endpoint_pk: str, pk: str) -> Response:
        """Send a delivery again with the same id, or a pending one at once."""
        delivery = services.replay(delivery=self.get_object())
        return Response(self.get_serializer(delivery).data, status=status.HTTP_202_ACCEPTED)
