"""A PaymentIntent's amount after its order was corrected.

The new amount is stored with the correction and sent to Stripe by a job, or before the payment is opened again. A
payment that succeeds with a former amount completes the order; the difference is then refunded, or due.
"""

import structlog

from payments import declines, gateway, transitions
from payments.errors import StripeRefused, StripeUnavailable
from payments.models import Payment
from shop import jobs

logger = structlog.get_logger(__name__)


@jobs.job("payments.send_amount", urgent=True)
def send_amount_job(*, payment: str) -> None:
    if send_amount(Payment.objects.get(pk=payment)) == "processing":
        # If it fails, it can be paid again.
        raise jobs.Postpone(declines.PROCESSING_RETRY_SECONDS)


def send_amount(payment: Payment) -> str:
    """Return the PaymentIntent's status. Idempotent. Raises ``StripeUnavailable``."""
    if payment.amount_sent or payment.is_final or not payment.intent:
        # A PaymentIntent that is created later has the new amount, or `open_payment` sends it.
        return payment.status
    amount = payment.amount
    try:
        answer = gateway.change_amount(payment.intent, amount=amount)
    except StripeRefused as error:
        logger.info("payment_amount_refused", order=payment.order_number, code=error.stripe_code)
        answer = gateway.retrieve_intent(payment.intent)
        transitions.apply_intent(answer)
        if answer["status"] not in ("processing", *transitions.FINAL):
            raise StripeUnavailable from error
    else:
        Payment.objects.filter(pk=payment.pk, amount=amount).update(amount_sent=True)
        transitions.apply_intent(answer)
    return str(answer["status"])
