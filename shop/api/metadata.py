from typing import Any

from django.views import View
from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class Metadata(SimpleMetadata):
    """Omit fields, which the OpenAPI document describes."""

    def determine_actions(self, request: Request, view: View) -> dict[str, Any]:
        return {}
