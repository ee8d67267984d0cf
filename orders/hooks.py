"""Hooks on orders, which payments registers; `settings.TAX_PROVIDER` names `calculate_tax`."""

from shop.hooks import Hook

# Called with `amount` and `currency` before an order is placed. Raises `AmountTooSmall` or `AmountTooLarge`.
check_amount = Hook()

# Called with `basis` (`orders.taxes.calculation.TaxBasis`) and `timeout` (in seconds) outside transactions; returns
# `orders.taxes.calculation.Taxes`, raises `UnknownState` or `InvalidTaxAddress` for an address that it refuses, and
# anything else if it fails. Without a function the shop's own rates apply.
calculate_tax = Hook()

# Called with `text`, as in `pi_…`, which staff search; returns the numbers of its orders, newest first.
numbers_of_payments = Hook()

# Called with `order` outside transactions, to cancel its payment. Raises `PaymentProcessing` or `ServiceUnavailable`; a
# paid order is no error.
before_cancel = Hook()

# Called with `order` in the transaction that cancels it.
on_cancelled = Hook()

# Called with `orders` and `user` in the transaction in which an account claims a guest's orders.
on_claimed = Hook()

# Called with `orders` in the transaction that erases them, or changes one after its erasure.
on_erased = Hook()

# Called with `order`, `units` (`orders.refunds.Units`) and `shipping` in the transaction that receives a return, to
# refund it. Returns the refund's id, or None if nothing was paid.
refund_units = Hook()

# Called with `order` in the transaction that corrects it, to change the amount of its open payment.
on_corrected = Hook()

# Called with `order`, `amount` and `reason` in a transaction, to refund what was paid too much.
refund_difference = Hook()
