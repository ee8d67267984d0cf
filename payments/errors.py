from shop.api.errors import Conflict, ServiceUnavailable, ShopError, TooManyRequests


class StripeUnavailable(ServiceUnavailable):
    default_code = "payment_service_unavailable"
    default_detail = "The payment service is unavailable. Try again in a moment."


class StripeIdempotentFailure(StripeUnavailable):
    """Stripe replays a stored 5xx response for 24 hours: look the object up, and if there is none, use a new key."""


class StripeRequestInFlight(StripeUnavailable):
    """A concurrent request uses the same key; wait for its result."""


class StripeForbidden(StripeUnavailable):
    """The secret key lacks a permission."""


class StripeRefused(ShopError):
    default_code = "payment_refused"
    default_detail = "The payment service refused the request."

    def __init__(self, detail: str | None = None, *, stripe_code: str | None = None) -> None:
        super().__init__(detail)
        self.stripe_code = stripe_code


class OrderNotPayable(Conflict):
    default_code = "order_not_payable"
    default_detail = "This order is paid, cancelled or expired."


class TooManyFailedPayments(TooManyRequests):
    default_code = "too_many_failed_payments"
    default_detail = "Too many payment attempts have failed. Try again later."


class InvalidSignature(ShopError):
    default_code = "invalid_signature"
    default_detail = "The signature does not match the body."


class InvalidEvent(ShopError):
    default_code = "invalid_event"
    default_detail = "The body is signed, but it is not a Stripe event."


class RefundTooLarge(Conflict):
    default_code = "refund_too_large"
    default_detail = "The amount exceeds what can be refunded of this payment."


class NotRefundable(Conflict):
    default_code = "not_refundable"
    default_detail = "Nothing was paid, so nothing can be refunded."


class PaymentDisputed(NotRefundable):
    default_detail = "This payment is disputed and cannot be refunded."
