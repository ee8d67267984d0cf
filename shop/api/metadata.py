"""Responses to OPTIONS."""

from typing import Any

from django.views import View
from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class Metadata(SimpleMetadata):
    """Name and description of an endpoint. Its fields are in the OpenAPI description."""

    def determine_actions(self, request: Request, view: View) -> dict[str, Any]:
        return {}
