from orders.models import Order
from payments import transitions
from payments.amounts import send_amount_job
from payments.currencies import to_minor_units
from payments.models import Payment
from payments.services import close_intent_job


def change_amounts_later(*, order: Order) -> None:
    """See `orders.hooks.on_corrected`."""
    for payment in Payment.objects.filter(order=order):
        amount = to_minor_units(order.amount_due if payment.part else order.total, order.currency)
        if payment.is_final or payment.amount == amount:
            continue
        if amount:
            former = [*(each for each in payment.former_amounts if each != amount), payment.amount]
            transitions.update_payment(payment, amount=amount, former_amounts=former, amount_sent=False)
            send_amount_job.enqueue(at_once=True, payment=str(payment.pk))
        else:
            close_intent_job.enqueue(at_once=True, unless_queued=True, payment=str(payment.pk))
