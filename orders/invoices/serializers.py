from typing import Any

from rest_framework import serializers

from orders.invoices.models import Invoice, InvoiceKind
from shop.api.object_ids import ObjectIdField
from shop.db.money_fields import MoneyField


class InvoiceEntrySerializer(serializers.Serializer):
    number = serializers.CharField()
    issued_at = serializers.DateTimeField()


class CreditNoteEntrySerializer(InvoiceEntrySerializer):
    id = ObjectIdField(source="invoice")
    kind = serializers.ChoiceField(
        choices=list(InvoiceKind.values),
        help_text="`reversal` cancels the credit note of a refund that failed afterwards. If a correction changes a "
        "paid order, `cancellation` cancels its `invoice`, and that of the order replaces it.",
    )
    total = MoneyField()


def exported(invoice: Invoice) -> dict[str, Any]:
    """Return the personal data of an invoice, for the export of an account."""
    return {
        "id": invoice.pk,
        "kind": invoice.kind,
        "number": invoice.number,
        "issued_at": invoice.issued_at,
        "buyer": {name: getattr(invoice.buyer, name) for name in ("name", "lines", "tax_id", "email")},
        "total": invoice.total,
    }
