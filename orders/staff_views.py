"""Changes that staff make to an order: tags, notes, corrected addresses."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.response import Response

from accounts.authentication import UserRequest
from accounts.errors import UnknownState
from orders import corrections, notes, staff
from orders.correction_serializers import (
    ADDRESSES,
    ChangeOrderSerializer,
    CorrectedAddressesSerializer,
    CorrectionSerializer,
)
from orders.errors import (
    AmountTooLarge,
    AmountTooSmall,
    InvalidShippingMethod,
    InvalidTaxAddress,
    NoShippingMethod,
    OrderChanged,
    OrderErased,
    OrderNotCorrectable,
    TaxUnavailable,
    TooManyNotes,
    TotalChanged,
)
from orders.models import Note, Order
from orders.serializers import OrderSerializer
from orders.staff_serializers import AddNoteSerializer, NoteSerializer
from shop.api import idempotency
from shop.api.bodies import BodyValidationMixin
from shop.api.permissions import staff_may
from shop.api.serializing import represent

CORRECTION_ERRORS = (
    PermissionDenied,
    OrderNotCorrectable,
    InvalidShippingMethod,
    NoShippingMethod,
    UnknownState,
    InvalidTaxAddress,
    AmountTooSmall,
    AmountTooLarge,
    TaxUnavailable,
)

# Errors by action.
OF_STAFF = {
    "partial_update": [*CORRECTION_ERRORS, OrderChanged, TotalChanged],
    "correction_quote": CORRECTION_ERRORS,
    "notes": [PermissionDenied, OrderErased, TooManyNotes, *idempotency.ERRORS],
}


class StaffChangesMixin(BodyValidationMixin):
    request: UserRequest

    def reply(self, shown: Order) -> Response:
        raise NotImplementedError

    @extend_schema(request=ChangeOrderSerializer, responses=OrderSerializer)
    def partial_update(self, request: UserRequest, number: str) -> Response:
        """Change the tags of an order, or correct its addresses before anything is shipped (staff only).

        Shipping and taxes are calculated for the new place, with the order's own prices and promotions. If a paid order
        becomes cheaper, the difference is refunded; if it becomes more expensive, `amount_due` shows the difference,
        which the customer is asked to pay with `POST /payments/`, unless `waive_difference`.
        """
        order = self.get_object_of_staff()
        changes = self.validated(ChangeOrderSerializer)
        if not changes.keys().isdisjoint(ADDRESSES):
            corrections.correct_order(
                order=order,
                **{name: changes.get(name) for name in (*ADDRESSES, "expected_total")},
                waive=changes.get("waive_difference", False),
            )
        if "tags" in changes:
            notes.set_tags(order=order, tags=changes["tags"])
        return self.reply(self.get_object())

    @extend_schema(request=CorrectedAddressesSerializer, responses=CorrectionSerializer)
    @action(detail=True, methods=["post"], url_path="correction-quote")
    def correction_quote(self, request: UserRequest, number: str) -> Response:
        """Price the order with other addresses (staff only). Nothing is written."""
        order = self.get_object_of_staff()
        correction = corrections.calculate(order=order, **self.validated(CorrectedAddressesSerializer))
        return Response(represent(CorrectionSerializer, correction, context=self.get_serializer_context()))

    @extend_schema(parameters=idempotency.HEADERS, request=AddNoteSerializer, responses={201: NoteSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: UserRequest, number: str) -> Response:
        """Add an internal note (staff only)."""
        order = self.get_object_of_staff()

        def add() -> Response:
            note = notes.add_note(order=order, **self.validated(AddNoteSerializer))
            return self.reply_with_note(note, status=status.HTTP_201_CREATED)

        def replay(reference: str) -> Response:
            known = {str(note.key): note for note in Order.objects.get(pk=order.pk).notes}
            if reference not in known:
                raise NotFound
            return self.reply_with_note(known[reference])

        return idempotency.run_once(request, scope=f"orders.note.{order.pk}", replay=replay, work=add)

    def reply_with_note(self, note: Note, **options: Any) -> Response:
        context = {**self.get_serializer_context(), "staff": staff.names_of([note])}
        return Response(represent(NoteSerializer, note, context=context), **options)

    def get_object_of_staff(self) -> Order:
        """Raises ``PermissionDenied`` if the user may not change orders."""
        if not staff_may(self.request.user, "orders.change_order"):
            raise PermissionDenied
        return self.get_object()
