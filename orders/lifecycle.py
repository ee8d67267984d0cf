from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orders.errors import (
    NoOpenFlag,
    OrderNotCancellable,
    OrderNotCorrectable,
    OrderNotFulfillable,
    OrderNotReturnable,
    PaymentProcessing,
)
from orders.events import Event
from orders.statuses import (
    AFTER_PAYMENT,
    EVER_PAID_STATUSES,
    FUNDED_STATUSES,
    PAYABLE_STATUSES,
    FulfilmentStatus,
    OrderStatus,
    PaymentStatus,
)
from shop.api.errors import Conflict, ShopError
from shop.audit.staff_log import Action
from shop.jobs.mails import Budget

# --- Statuses ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Status:
    """A status, of which the timeline has an event of ``reported_by`` and none of ``ruled_out_by``."""

    badge: Literal["", "info", "success", "warning", "danger"]
    reported_by: tuple[Event, ...]
    ruled_out_by: tuple[Event, ...] = ()
    # The order is over, and its personal data no longer needed.
    nothing_to_send: bool = False


STATUSES: dict[str, dict[str, Status]] = {
    "status": {
        OrderStatus.PENDING: Status(
            badge="warning", reported_by=(Event.PLACED,), ruled_out_by=(Event.CANCELLED, Event.EXPIRED)
        ),
        OrderStatus.COMPLETED: Status(
            badge="success", reported_by=(Event.PAID,), ruled_out_by=(Event.CANCELLED, Event.EXPIRED)
        ),
        OrderStatus.CANCELLED: Status(
            badge="danger", reported_by=(Event.CANCELLED, Event.EXPIRED), nothing_to_send=True
        ),
    },
    "payment_status": {
        PaymentStatus.UNPAID: Status(
            badge="warning",
            reported_by=(Event.PLACED,),
            ruled_out_by=(Event.PAYMENT_PROCESSING, Event.PAYMENT_FAILED, Event.PAID),
        ),
        PaymentStatus.PROCESSING: Status(
            badge="info", reported_by=(Event.PAYMENT_PROCESSING,), ruled_out_by=(Event.PAID,)
        ),
        PaymentStatus.PAID: Status(badge="success", reported_by=(Event.PAID,)),
        PaymentStatus.PARTIALLY_REFUNDED: Status(badge="info", reported_by=(Event.REFUNDED,)),
        PaymentStatus.REFUNDED: Status(badge="info", reported_by=(Event.REFUNDED,), nothing_to_send=True),
        PaymentStatus.FAILED: Status(badge="danger", reported_by=(Event.PAYMENT_FAILED,), ruled_out_by=(Event.PAID,)),
        PaymentStatus.DISPUTED: Status(badge="danger", reported_by=(Event.DISPUTED, Event.DISPUTE_LOST)),
    },
    "fulfilment_status": {
        FulfilmentStatus.UNFULFILLED: Status(
            badge="", reported_by=(Event.PLACED,), ruled_out_by=(Event.SHIPPED, Event.DELIVERED)
        ),
        FulfilmentStatus.PARTIALLY_SHIPPED: Status(badge="warning", reported_by=(Event.SHIPPED,)),
        FulfilmentStatus.SHIPPED: Status(badge="info", reported_by=(Event.SHIPPED,)),
        FulfilmentStatus.DELIVERED: Status(badge="success", reported_by=(Event.DELIVERED,), nothing_to_send=True),
    },
}

NOTHING_TO_SEND = {
    name: [status for status, row in statuses.items() if row.nothing_to_send] for name, statuses in STATUSES.items()
}

# --- Events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CustomerMail:
    """``subject`` is formatted with the order's number; ``template`` is a name in ``orders/mails/``."""

    subject: str
    template: str
    budget: Budget
    # Delayed, and sent only if the order is still unpaid then.
    asks_for_payment: bool = False
    # The customer waits for it: sent before mails about many orders at once.
    urgent: bool = False


@dataclass(frozen=True, kw_only=True)
class Transition:
    """Fields not named in ``needs`` may have any value; fields not named in ``sets`` and ``may_set`` keep theirs."""

    needs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    # Statuses among which the service chooses; it may also keep the current one.
    may_set: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refusal: type[ShopError] = Conflict
    refusal_while_processing: type[ShopError] | None = None

    # A Material symbol, shown in the timeline.
    icon: str
    # Erased with personal data, unless the system wrote it.
    has_typed_detail: bool = False
    # For staff only: the event, or its detail.
    is_internal: bool = False
    has_internal_detail: bool = False

    # Logged if the actor is staff.
    staff_action: Action | None = None
    customer_mail: CustomerMail | None = None
    notifies_staff: bool = False

    def refusal_of(self, order: Any) -> ShopError | None:
        if all(getattr(order, name) in values for name, values in self.needs.items()):
            return None
        if self.refusal_while_processing and order.payment_status == PaymentStatus.PROCESSING:
            return self.refusal_while_processing()
        return self.refusal()


_CANCELLED_MAIL = CustomerMail(subject="Your order {} is cancelled", template="cancelled", budget=Budget.ORDER)

# Disputes are reported in any order, also before the payment.
_DISPUTE = Transition(may_set={"payment_status": tuple(PaymentStatus)}, icon="gavel", has_internal_detail=True)

_SHIPPED_STATUSES = (FulfilmentStatus.PARTIALLY_SHIPPED, FulfilmentStatus.SHIPPED)
_RETURNABLE_ORDER = {
    "status": (OrderStatus.COMPLETED,),
    "payment_status": (*FUNDED_STATUSES, PaymentStatus.DISPUTED),
}
_PAID_ORDER = {"status": (OrderStatus.COMPLETED,), "payment_status": FUNDED_STATUSES}

TRANSITIONS: dict[str, Transition] = {
    Event.PLACED: Transition(
        icon="shopping_cart",
        customer_mail=CustomerMail(
            subject="We have received your order {}",
            template="placed",
            budget=Budget.ORDER,
            asks_for_payment=True,
            urgent=True,
        ),
    ),
    Event.PAYMENT_PROCESSING: Transition(
        needs={"status": (OrderStatus.PENDING,), "payment_status": (PaymentStatus.UNPAID, PaymentStatus.FAILED)},
        sets={"payment_status": PaymentStatus.PROCESSING},
        icon="hourglass_top",
    ),
    Event.PAYMENT_FAILED: Transition(
        needs={"status": (OrderStatus.PENDING,), "payment_status": PAYABLE_STATUSES},
        sets={"payment_status": PaymentStatus.FAILED},
        icon="credit_card_off",
        customer_mail=CustomerMail(
            subject="The payment for your order {} failed",
            template="payment_failed",
            budget=Budget.ORDER,
            asks_for_payment=True,
            urgent=True,
        ),
    ),
    Event.PAID: Transition(
        may_set={"status": (OrderStatus.COMPLETED,), "payment_status": AFTER_PAYMENT},
        icon="payments",
        customer_mail=CustomerMail(subject="Your order {} is paid", template="paid", budget=Budget.SALE, urgent=True),
        notifies_staff=True,
    ),
    Event.CANCELLED: Transition(
        needs={
            "status": (OrderStatus.PENDING, OrderStatus.COMPLETED),
            "payment_status": (PaymentStatus.UNPAID, PaymentStatus.FAILED, *AFTER_PAYMENT),
            "fulfilment_status": (FulfilmentStatus.UNFULFILLED,),
            # Its refund would be made twice.
            "has_open_return": (False,),
        },
        sets={"status": OrderStatus.CANCELLED},
        refusal=OrderNotCancellable,
        refusal_while_processing=PaymentProcessing,
        icon="cancel",
        has_typed_detail=True,
        staff_action=Action.CANCEL,
        customer_mail=_CANCELLED_MAIL,
    ),
    Event.EXPIRED: Transition(
        needs={
            "status": (OrderStatus.PENDING,),
            "payment_status": (PaymentStatus.UNPAID, PaymentStatus.FAILED, *EVER_PAID_STATUSES),
        },
        sets={"status": OrderStatus.CANCELLED},
        refusal=OrderNotCancellable,
        refusal_while_processing=PaymentProcessing,
        icon="timer_off",
        customer_mail=_CANCELLED_MAIL,
    ),
    Event.REFUNDED: Transition(
        may_set={"payment_status": (PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)},
        icon="currency_exchange",
        customer_mail=CustomerMail(subject="A refund for your order {}", template="refunded", budget=Budget.SALE),
    ),
    Event.DISPUTED: _DISPUTE,
    Event.DISPUTE_WON: _DISPUTE,
    Event.DISPUTE_LOST: _DISPUTE,
    Event.FLAGGED: Transition(sets={"flagged": True, "flag_settled": False}, icon="flag", is_internal=True),
    Event.FLAG_SETTLED: Transition(
        needs={"flagged": (True,), "flag_settled": (False,)},
        sets={"flag_settled": True},
        refusal=NoOpenFlag,
        icon="task_alt",
        has_typed_detail=True,
        is_internal=True,
        staff_action=Action.SETTLE,
    ),
    Event.SHIPPED: Transition(
        needs={**_PAID_ORDER, "fulfilment_status": (FulfilmentStatus.UNFULFILLED, FulfilmentStatus.PARTIALLY_SHIPPED)},
        may_set={"fulfilment_status": (FulfilmentStatus.PARTIALLY_SHIPPED, FulfilmentStatus.SHIPPED)},
        refusal=OrderNotFulfillable,
        icon="local_shipping",
        has_typed_detail=True,
        staff_action=Action.SHIP,
        customer_mail=CustomerMail(subject="Your order {} is on its way", template="shipped", budget=Budget.SALE),
    ),
    Event.TRACKING_CHANGED: Transition(
        needs={"fulfilment_status": (*_SHIPPED_STATUSES, FulfilmentStatus.DELIVERED)},
        refusal=OrderNotFulfillable,
        icon="edit",
        has_typed_detail=True,
        staff_action=Action.CHANGE,
    ),
    Event.ITEMS_CANCELLED: Transition(
        needs={**_PAID_ORDER, "fulfilment_status": (FulfilmentStatus.PARTIALLY_SHIPPED,)},
        refusal=OrderNotCancellable,
        icon="remove_shopping_cart",
        has_typed_detail=True,
        staff_action=Action.CANCEL,
        customer_mail=CustomerMail(
            subject="The rest of your order {} is cancelled", template="rest_cancelled", budget=Budget.SALE
        ),
    ),
    # Of one parcel or of all.
    Event.DELIVERED: Transition(
        needs={**_PAID_ORDER, "fulfilment_status": _SHIPPED_STATUSES},
        may_set={"fulfilment_status": (FulfilmentStatus.DELIVERED,)},
        refusal=OrderNotFulfillable,
        icon="home",
        has_typed_detail=True,
        staff_action=Action.DELIVER,
        customer_mail=CustomerMail(subject="Your order {} was delivered", template="delivered", budget=Budget.SALE),
    ),
    Event.RETURN_REQUESTED: Transition(
        needs=_RETURNABLE_ORDER,
        refusal=OrderNotReturnable,
        icon="assignment_return",
        customer_mail=CustomerMail(
            subject="We have received your return request for order {}",
            template="return_requested",
            budget=Budget.SALE,
        ),
        notifies_staff=True,
    ),
    Event.WITHDRAWN: Transition(
        needs=_RETURNABLE_ORDER,
        refusal=OrderNotReturnable,
        icon="assignment_return",
        customer_mail=CustomerMail(
            subject="We have received your withdrawal from order {}",
            template="return_requested",
            budget=Budget.SALE,
            urgent=True,
        ),
        notifies_staff=True,
    ),
    Event.RETURN_APPROVED: Transition(
        icon="check_circle",
        staff_action=Action.APPROVE,
        customer_mail=CustomerMail(
            subject="Your return of order {} is approved", template="return_approved", budget=Budget.SALE
        ),
    ),
    Event.RETURN_REJECTED: Transition(
        icon="block",
        staff_action=Action.REJECT,
        customer_mail=CustomerMail(
            subject="Your return of order {} is rejected", template="return_rejected", budget=Budget.SALE
        ),
    ),
    Event.RETURN_RECEIVED: Transition(
        icon="inventory",
        staff_action=Action.RECEIVE,
        customer_mail=CustomerMail(
            subject="We have received your return of order {}", template="return_received", budget=Budget.SALE
        ),
    ),
    Event.CORRECTED: Transition(
        needs={
            "status": (OrderStatus.PENDING, OrderStatus.COMPLETED),
            "payment_status": (PaymentStatus.UNPAID, PaymentStatus.FAILED, *FUNDED_STATUSES),
            "fulfilment_status": (FulfilmentStatus.UNFULFILLED,),
        },
        refusal=OrderNotCorrectable,
        icon="edit",
        staff_action=Action.CHANGE,
        customer_mail=CustomerMail(subject="Your order {} has changed", template="corrected", budget=Budget.SALE),
    ),
    Event.DIFFERENCE_PAID: Transition(
        icon="payments",
        customer_mail=CustomerMail(
            subject="We have received your payment for order {}",
            template="difference_paid",
            budget=Budget.SALE,
            urgent=True,
        ),
    ),
}
