from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.permissions import HasModelPermission
from shop.api.query import validated_query
from shop.changes.feed import MOST_CHANGES, CursorExpired, Page, latest, read
from shop.changes.kinds import kinds
from shop.changes.models import Change
from shop.http.addresses import base_url

LATEST = "latest"


class KindsField(serializers.CharField):
    default_error_messages = {"invalid_choice": "“{kind}” is not a kind. The kinds are {kinds}."}

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override]
        names = list(dict.fromkeys(filter(None, map(str.strip, super().to_internal_value(data).split(",")))))
        for name in names:
            if name not in kinds():
                self.fail("invalid_choice", kind=name, kinds=", ".join(sorted(kinds())))
        return names


class KindsFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "shop.changes.views.KindsField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^[\s,]*((?:{'|'.join(sorted(kinds()))})\s*(,[\s,]*|$))*$"}


class ChangeQuerySerializer(serializers.Serializer):
    after = serializers.RegexField(
        rf"^({LATEST}|[0-9]{{1,18}})\Z",
        required=False,
        help_text="`next_cursor` of the last reply; `latest` for the end; without it, the oldest changes.",
    )
    kinds = KindsField(required=False, help_text="Separated by commas, such as `order,product`.")
    limit = serializers.IntegerField(
        required=False, min_value=1, default=100, help_text=f"More than {MOST_CHANGES:,} counts as {MOST_CHANGES:,}."
    )

    def validate_limit(self, value: int) -> int:
        return min(value, MOST_CHANGES)


class ChangeSerializer(serializers.Serializer):
    """A change of an object."""

    cursor = serializers.CharField(help_text="To go on behind this change.")
    kind = serializers.CharField(help_text="Such as `order`.")
    id = serializers.CharField(help_text="As in the API's paths: the number of an order, the id of other objects.")
    type = serializers.CharField(help_text="Such as `order.paid`.")
    at = serializers.DateTimeField(help_text="When it was recorded. Changes are in the order of `sequence`.")
    sequence = serializers.IntegerField(help_text="Increases with each change of an object.")
    url = serializers.URLField(allow_null=True, help_text="Address of the object in this API.")


@extend_schema_serializer(many=False)
class ChangesSerializer(serializers.Serializer):
    """A page of the feed."""

    results = ChangeSerializer(many=True, help_text="Oldest first.")
    next_cursor = serializers.CharField(help_text="To be sent as `after`, also if there are no more changes now.")
    has_more = serializers.BooleanField(help_text="Whether there are more changes now.")


class ChangeViewSet(viewsets.GenericViewSet):
    """The feed of changes, for staff and integrations."""

    queryset = Change.objects.none()
    serializer_class = ChangesSerializer
    permission_classes = [HasModelPermission]
    pagination_class = None
    operation_ids = {"list": "listChanges"}
    errors = {"list": [ValidationError, CursorExpired]}

    def get_required_permission(self) -> str | None:
        return "shop.view_change" if self.request.method in ("GET", "HEAD") else None

    @extend_schema(parameters=[ChangeQuerySerializer], responses=ChangesSerializer)
    def list(self, request: Request) -> Response:
        """Return changes in the order of their commits, oldest first. A reader that keeps the cursor misses none.

        Start with `after=latest`, read all objects, then repeat this call with the last `next_cursor`. The reply 410
        `cursor_expired` means that changes behind the cursor were deleted: read all objects again.
        """
        query = validated_query(ChangeQuerySerializer, request.query_params)
        after = query.get("after", "")
        if after == LATEST:
            page = latest()
        else:
            page = read(after=int(after) if after else None, kinds=query.get("kinds", ()), limit=query["limit"])
        return Response(_shown(page, base_url(request)))


def _shown(page: Page, base: str) -> dict[str, Any]:
    return {
        "results": [_entry(change, base) for change in page.changes],
        "next_cursor": str(page.next),
        "has_more": page.has_more,
    }


def _entry(change: Change, base: str) -> dict[str, Any]:
    # A kind of another release has no address.
    kind = kinds().get(change.kind)
    path = kind.path_of(change.object_id, change.parent) if kind else None
    return {
        "cursor": str(change.position),
        "kind": change.kind,
        "id": change.object_id,
        "type": change.type,
        "at": change.at,
        "sequence": change.position,
        "url": path and f"{base}{path}",
    }
