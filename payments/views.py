from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import UserRequest
from accounts.models import User
from orders.access import ORDER_TOKEN, AccountOrOrderToken, named_by_token, order_token_of, orders_of
from orders.models import Order
from orders.refunds import UNIT_ERRORS
from payments import customers, events, refunds, services
from payments.errors import (
    InvalidEvent,
    InvalidSignature,
    NotRefundable,
    OrderNotPayable,
    RefundTooLarge,
    StripeRefused,
    TooManyFailedPayments,
)
from payments.examples import PAYMENT_BODY, PAYMENT_REPLY, REFUND_BODY, REFUND_REPLY
from payments.models import Payment, Refund
from payments.serializers import (
    OpenPaymentSerializer,
    PaymentConfigSerializer,
    PaymentSerializer,
    RefundRequestSerializer,
    RefundSerializer,
)
from shop.api import idempotency
from shop.api.bodies import BodyValidationMixin
from shop.api.errors import PayloadTooLarge
from shop.api.permissions import HasAccount, staff_may
from shop.api.rate_limits import network_address_of

STRIPE_SIGNATURE = OpenApiParameter(
    "Stripe-Signature",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Signature of the body, made with the webhook's secret.",
)


class RawBodyParser(BaseParser):
    """Returns the unparsed bytes, which the signature covers."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            # Django allows multipart bodies as large as an image upload.
            raise PayloadTooLarge(f"The request body is larger than {limit} bytes.")
        return body


class PaymentViewSet(BodyValidationMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The user's own payments, or the one of the order's `X-Order-Token`; staff see all."""

    request: UserRequest
    serializer_class = PaymentSerializer
    queryset = Payment.objects.none()
    permission_classes = [HasAccount]
    key_permissions = {
        "retrieve": ("payments.view_payment",),
        "refunds": ("payments.view_payment", "payments.add_refund"),
    }
    pagination_class = None
    operation_ids = {
        "create": "openPayment",
        "retrieve": "getPayment",
        "config": "getPaymentConfig",
        "webhook": "receiveStripeEvent",
        "refunds": "refundPayment",
    }
    # Stripe calls it, no client of the shop.
    tags = {"webhook": "stripe"}
    rate_scopes = {"create": "payment", "refunds": "payment"}
    errors = {
        "create": [NotFound, StripeRefused, OrderNotPayable, *idempotency.ERRORS, TooManyFailedPayments],
        "webhook": [InvalidSignature, InvalidEvent],
        "refunds": [
            StripeRefused,
            PermissionDenied,
            RefundTooLarge,
            NotRefundable,
            *UNIT_ERRORS,
            *idempotency.ERRORS,
        ],
    }
    lookup_value_regex = "[0-9a-f]{24}"

    def get_permissions(self) -> list[Any]:
        return [AccountOrOrderToken()] if self.action in ("create", "retrieve") else [*super().get_permissions()]

    def get_queryset(self) -> QuerySet[Payment]:
        payments = Payment.objects.all()
        return payments if staff_may(self.request.user, "payments.view_payment") else self.own_payments()

    def own_payments(self) -> QuerySet[Payment]:
        """Return the user's payments and that of a valid token's order."""
        user = self.request.user
        own = Payment.objects.owned_by(user) if isinstance(user, User) else Payment.objects.none()
        if number := named_by_token(self.request):
            opened = Order.objects.open_to_tokens().filter(number=number)
            return own | Payment.objects.filter(order__in=list(opened))
        return own

    @extend_schema(
        parameters=[*idempotency.HEADERS, ORDER_TOKEN],
        request=OpenPaymentSerializer,
        responses={201: PaymentSerializer, 200: PaymentSerializer},
        examples=[PAYMENT_BODY, PAYMENT_REPLY],
    )
    def create(self, request: Request) -> Response:
        """Open the payment of an order. 201 with a new PaymentIntent, or 200 with the existing one."""
        return idempotency.run_once(
            request, scope="payments.open", replay=self.replay, work=self.open, guest=order_token_of(request)
        )

    def open(self) -> Response:
        number = self.validated(OpenPaymentSerializer)["order"]
        order = get_object_or_404(orders_of(self.request), number=number)
        payment, created = services.open_payment(order=order, network_address=network_address_of(self.request))
        return self.reply(payment, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    def replay(self, reference: str) -> Response:
        payment = get_object_or_404(self.own_payments(), pk=reference)
        return self.reply(payment)

    def reply(self, payment: Payment, status: int = status.HTTP_200_OK) -> Response:
        customers.open_session(payment)
        return Response(self.get_serializer(payment).data, status=status)

    @extend_schema(parameters=[ORDER_TOKEN])
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a payment."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(responses=PaymentConfigSerializer)
    @action(detail=False, permission_classes=[AllowAny])
    def config(self, request: Request) -> Response:
        """Return the configuration for Stripe.js."""
        return Response({"publishable_key": settings.STRIPE_PUBLISHABLE_KEY, "currency": settings.CURRENCY})

    @extend_schema(
        parameters=[STRIPE_SIGNATURE],
        request=OpenApiTypes.OBJECT,
        responses={200: None},
    )
    @action(
        detail=False,
        methods=["post"],
        permission_classes=[AllowAny],
        authentication_classes=[],
        parser_classes=[RawBodyParser],
    )
    def webhook(self, request: Request) -> Response:
        """Receive a Stripe event. 400 for an invalid signature or event, 200 once the event is stored.

        Thin events (`v2.core.event`) are acknowledged and ignored.
        """
        body: Any = request.data or b""
        events.receive(body=body, signature=request.headers.get("Stripe-Signature", ""))
        return Response()

    @extend_schema(
        parameters=idempotency.HEADERS,
        request=RefundRequestSerializer,
        responses={201: RefundSerializer},
        examples=[REFUND_BODY, REFUND_REPLY],
    )
    @action(detail=True, methods=["post"])
    def refunds(self, request: Request, pk: str) -> Response:
        """Refund a payment by line, by amount or fully (staff only). `pending` until Stripe has confirmed it.

        Refunds of all units of a line add up to exactly what was paid for it. If a refund fails, its units can be
        refunded again; they stay cancelled, and in stock.
        """
        if not staff_may(self.request.user, "payments.add_refund"):
            raise PermissionDenied
        payment = self.get_object()

        def work() -> Response:
            serializer = RefundRequestSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            refund = refunds.refund_payment(payment=payment, **serializer.validated_data)
            return Response(RefundSerializer(refund).data, status=status.HTTP_201_CREATED)

        def replay(reference: str) -> Response:
            refund = get_object_or_404(Refund.objects.filter(payment=payment), pk=reference)
            return Response(RefundSerializer(refund).data)

        return idempotency.run_once(request, scope=f"payments.refund.{pk}", replay=replay, work=work)
