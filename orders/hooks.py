"""Hooks that the payments app registers on orders."""

from shop.hooks import Hook

# Called with `amount` and `currency` before an order is placed. Raises `AmountTooSmall` or `AmountTooLarge`.
check_amount = Hook("check_amount")

# Called with `order` outside transactions, to cancel its payment. Raises `PaymentProcessing` or `ServiceUnavailable`; a
# paid order is no error.
before_cancel = Hook("before_cancel")

# Called with `order` in the transaction that cancels it.
on_cancelled = Hook("on_cancelled")

# Called with `order` in the transaction that erases it, or changes it after its erasure.
on_erased = Hook("on_erased")
