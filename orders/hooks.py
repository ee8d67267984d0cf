"""Order hooks, registered by the payments app."""

from shop.hooks import Hook

# Called outside transactions to cancel the PaymentIntent. Raises `PaymentProcessing` or `ServiceUnavailable`; a
# paid order is no error.
before_cancel = Hook("before_cancel")

# Called in the transaction that cancels.
on_cancelled = Hook("on_cancelled")

# Called in the transaction that erases an order or changes an erased one.
on_erased = Hook("on_erased")
