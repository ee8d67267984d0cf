"""What payments hang on to the life of an order."""

from shop.hooks import Hook

# Called with order=, outside any transaction, before an order is cancelled or expires: close its way to pay. Raises
# what keeps that from being done (`PaymentProcessing`, `ServiceUnavailable`); finding it paid is no error.
before_cancel = Hook("before_cancel")

# Called with order= inside the transaction that cancels it: money that came in has to go back.
on_cancelled = Hook("on_cancelled")

# Called with order= inside the transaction that erases the personal data of an order whose customer has left; also
# when something was written about such an order afterwards. Erase what is kept about it elsewhere.
on_erased = Hook("on_erased")
