"""What OPTIONS answers."""

from typing import Any

from django.views import View
from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class Metadata(SimpleMetadata):
    """What an address is for. Which fields it takes is in the OpenAPI description."""

    def determine_actions(self, request: Request, view: View) -> dict[str, Any]:
        return {}
