"""Hooks that the payments app registers on the order lifecycle."""

from shop.hooks import Hook

# Called with order= outside any transaction before an order is cancelled or expires: cancel its PaymentIntent. Raises
# `PaymentProcessing` or `ServiceUnavailable` if that is impossible; an order that turns out to be paid is no error.
before_cancel = Hook("before_cancel")

# Called with order= in the transaction that cancels it: refund what was paid.
on_cancelled = Hook("on_cancelled")

# Called with order= in the transaction that erases the personal data of an order of a deleted customer, and after later
# changes of such an order: erase personal data about it in other apps.
on_erased = Hook("on_erased")
