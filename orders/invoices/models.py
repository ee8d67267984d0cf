"""Invoices copy all that they print, and are never changed."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django_mongodb_backend.fields import ArrayField, EmbeddedModelArrayField, EmbeddedModelField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from shop.db.money_fields import money_field


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice", "Invoice"
    CREDIT_NOTE = "credit_note", "Credit note"
    # Of a credit note whose refund failed afterwards.
    REVERSAL = "reversal", "Cancellation of a credit note"
    # Of an invoice that a new one replaces, because the order was corrected.
    CANCELLATION = "cancellation", "Cancellation of an invoice"


# They take away what they contain, and have the numbers of credit notes.
NEGATIVE_KINDS = frozenset((InvoiceKind.CREDIT_NOTE, InvoiceKind.CANCELLATION))


def sign_of(kind: str) -> int:
    return -1 if kind in NEGATIVE_KINDS else 1


class Party(EmbeddedModel):
    """``lines`` are a postal address in its country's format, with the name."""

    name = models.CharField(max_length=200)
    lines = ArrayField(models.CharField(max_length=400), default=list, blank=True)
    tax_id = models.CharField(max_length=60, blank=True)
    email = models.CharField(max_length=254, blank=True)
    registration = models.CharField(max_length=200, blank=True)
    contact = models.CharField(max_length=200, blank=True)


class InvoiceLine(EmbeddedModel):
    """``gross`` is what the buyer pays, ``net`` the part without ``tax``."""

    # Null for shipping, and for a surplus.
    variant = ObjectIdField(null=True)
    # Received beyond the price, and not refunded.
    is_surplus = models.BooleanField(default=False)
    sku = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=200)
    options = models.CharField(max_length=1000, blank=True)
    # Zero in a credit note for an amount.
    quantity = models.PositiveIntegerField()
    # With tax if prices include it.
    unit_price = money_field()
    discount = money_field(default=Decimal(0))
    # In per cent; null if unknown.
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    net = money_field()
    tax = money_field()
    gross = money_field()


class InvoiceTax(EmbeddedModel):
    """The sums of the lines of a rate."""

    label = models.CharField(max_length=60)
    rate = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    net = money_field()
    tax = money_field()
    gross = money_field()


class InvoiceEntry(EmbeddedModel):
    """A copy on the order."""

    invoice = ObjectIdField()
    kind = models.CharField(max_length=12, choices=InvoiceKind)
    number = models.CharField(max_length=40)
    # Null for an invoice and its cancellation.
    refund = ObjectIdField(null=True)
    total = money_field()
    issued_at = models.DateTimeField()

    @property
    def amount(self) -> Decimal:
        """Return the total, negative if it is taken away."""
        amount: Decimal = sign_of(self.kind) * self.total
        return amount


class Invoice(models.Model):
    """All amounts are positive; credit notes and cancellations of invoices take away what they contain."""

    kind = models.CharField(max_length=12, choices=InvoiceKind)
    # `sequence` counts without a gap in its series.
    series = models.CharField(max_length=40)
    sequence = models.PositiveBigIntegerField()
    number = models.CharField(max_length=40, unique=True)
    # Makes issuing idempotent: the kind, the order or refund, and the number of earlier ones of these, if any.
    source = models.CharField(max_length=60, unique=True, editable=False)
    order = ObjectIdField()
    order_number = models.CharField(max_length=16)
    refund = ObjectIdField(null=True)
    # The number of the document that this one corrects.
    corrects = models.CharField(max_length=40, blank=True)
    # The reference of the payment.
    payment = ObjectIdField(null=True)
    issued_at = models.DateTimeField()
    # In the shop's time zone.
    issued_on = models.DateField()
    paid_on = models.DateField(null=True)
    seller = EmbeddedModelField(Party)
    buyer = EmbeddedModelField(Party)
    # The destination, where the sale is taxed.
    country = models.CharField(max_length=2, blank=True)
    lines = EmbeddedModelArrayField(InvoiceLine)
    tax_lines = EmbeddedModelArrayField(InvoiceTax)
    # A credit note for a part of the price, not for lines.
    is_for_amount = models.BooleanField(default=False)
    shipping_method = models.CharField(max_length=120, blank=True)
    discounts = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    prices_include_tax = models.BooleanField()
    net = money_field()
    tax = money_field()
    total = money_field()
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=1000, blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["series", "sequence"], name="one_invoice_per_number")]
        indexes = [
            models.Index(fields=["series", "sequence"], name="invoice_series"),
            models.Index(fields=["number"], name="invoice_number"),
            models.Index(fields=["order"], name="invoice_order"),
            models.Index(fields=["order_number"], name="invoice_order_number"),
            models.Index(fields=["issued_on", "id"], name="invoice_issued"),
            models.Index(fields=["kind", "-id"], name="invoice_kind"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def sign(self) -> int:
        return sign_of(self.kind)

    @property
    def entry(self) -> InvoiceEntry:
        return InvoiceEntry(
            invoice=self.pk,
            kind=self.kind,
            number=self.number,
            refund=self.refund,
            total=self.total,
            issued_at=self.issued_at,
        )


class InvoiceCounter(models.Model):
    """The last number of a series, incremented in the transaction that inserts the invoice."""

    series = models.CharField(max_length=40, primary_key=True, db_column="_id")
    last = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.series}: {self.last}"


def seller() -> Party:
    return Party(
        name=settings.SELLER_NAME,
        lines=[settings.SELLER_NAME, *settings.SELLER_ADDRESS],
        tax_id=settings.SELLER_TAX_ID,
        registration=settings.SELLER_REGISTRATION,
        contact=settings.SELLER_CONTACT,
    )
