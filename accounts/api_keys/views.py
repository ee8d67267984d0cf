from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_keys.models import ApiKey
from shop.api.permissions import KeysOnly


class ApiKeySerializer(serializers.ModelSerializer):
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text="Permissions, such as `catalog.change_product`."
    )

    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "scopes", "created_at", "expires_at"]
        read_only_fields = fields
        extra_kwargs = {"prefix": {"help_text": "The key's first characters, by which staff recognize it."}}


class ApiKeyViewSet(viewsets.GenericViewSet):
    """The API key of the request."""

    queryset = ApiKey.objects.none()
    serializer_class = ApiKeySerializer
    permission_classes = [KeysOnly]
    pagination_class = None
    operation_ids = {"current": "getCurrentApiKey"}

    @extend_schema(responses=ApiKeySerializer)
    @action(detail=False)
    def current(self, request: Request) -> Response:
        """Return the key that authenticates the request. Its scopes are the permissions that it has."""
        return Response(self.get_serializer(request.auth).data)
