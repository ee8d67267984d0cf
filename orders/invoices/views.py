from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from accounts.authentication import UserRequest
from orders.access import ORDER_TOKEN
from orders.errors import InvoiceNotIssued
from orders.invoices.models import Invoice
from orders.invoices.printing import filename_of, pdf_of
from shop.api.renderers import JSONRenderer

PDF = "application/pdf"
# These replies have one format.
NO_FORMAT = OpenApiParameter("format", exclude=True)
DOCUMENT = OpenApiParameter("document", str, OpenApiParameter.PATH, description="The credit note's id.")


class PDFRenderer(JSONRenderer):
    """For requests that accept PDF only; errors are JSON."""

    media_type = PDF
    format = "pdf"


RENDERERS = [JSONRenderer, PDFRenderer]


class InvoiceActions:
    """PDF documents of an order, for a viewset of orders."""

    get_object: Any

    def handle_exception(self, exc: Exception) -> Response:
        response: Response = super().handle_exception(exc)  # type: ignore[misc]
        # Not that of the negotiated renderer.
        response.content_type = JSONRenderer.media_type
        return response

    @extend_schema(parameters=[ORDER_TOKEN, NO_FORMAT], responses={(200, PDF): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], renderer_classes=RENDERERS)
    def invoice(self, request: UserRequest, number: str) -> HttpResponse:
        """Download the order's invoice. It is issued moments after the payment."""
        order = self.get_object()
        if order.invoice is None:
            raise InvoiceNotIssued
        return _reply(get_object_or_404(Invoice.objects.filter(order=order.pk), pk=order.invoice.invoice))

    @extend_schema(
        parameters=[ORDER_TOKEN, NO_FORMAT, DOCUMENT],
        responses={(200, PDF): OpenApiTypes.BINARY},
    )
    @action(
        detail=True, methods=["get"], url_path="credit-notes/(?P<document>[0-9a-f]{24})", renderer_classes=RENDERERS
    )
    def credit_note(self, request: UserRequest, number: str, document: str) -> HttpResponse:
        """Download a credit note, the cancellation of a document, or an invoice that was replaced."""
        order = self.get_object()
        if document not in {str(entry.invoice) for entry in order.credit_notes}:
            raise NotFound
        return _reply(get_object_or_404(Invoice.objects.filter(order=order.pk), pk=document))


def _reply(invoice: Invoice) -> HttpResponse:
    disposition = f'attachment; filename="{filename_of(invoice)}"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return HttpResponse(pdf_of(invoice), content_type=PDF, headers=headers)
