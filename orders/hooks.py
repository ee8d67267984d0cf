"""Order hooks, registered by the payments app."""

from shop.hooks import Hook

# amount=, currency=: before an order is placed. Raises `AmountTooSmall` or `AmountTooLarge`.
check_amount = Hook("check_amount")

# Called outside transactions to cancel the payment. Raises `PaymentProcessing` or `ServiceUnavailable`; a
# paid order is no error.
before_cancel = Hook("before_cancel")

# Called in the transaction that cancels.
on_cancelled = Hook("on_cancelled")

# Called in the transaction that erases an order or changes an erased one.
on_erased = Hook("on_erased")
