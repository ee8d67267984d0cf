from shop.api.errors import Conflict, ServiceUnavailable, ShopError, TooManyRequests


class OrderNotCancellable(Conflict):
    default_code = "order_not_cancellable"
    default_detail = "This order can no longer be cancelled."


class PaymentProcessing(OrderNotCancellable):
    default_detail = "A payment for this order is being processed. Try again later."


class OrderNotFulfillable(Conflict):
    default_code = "order_not_fulfillable"
    default_detail = (
        "Only a paid order that is not cancelled or refunded can be shipped, and only what was shipped is delivered."
    )


class TooManyParcels(OrderNotFulfillable):
    default_detail = "An order can be shipped in at most 50 parcels."


class DeliveryNotUndoable(OrderNotFulfillable):
    default_detail = "A parcel that was delivered stays delivered."


class UnknownLine(ShopError):
    default_code = "unknown_line"
    default_detail = "This order has no such line, or the line is named twice."


class UnitsNotRefundable(Conflict):
    default_code = "units_not_refundable"
    default_detail = "These units were refunded before."


class UnitsInReturn(Conflict):
    default_code = "units_in_return"
    default_detail = "Units of this line are in an open return. Restock them by receiving the return."


class RefundOfCancelledOrder(Conflict):
    default_code = "order_cancelled"
    default_detail = "This order is cancelled, and its payment is refunded as a whole."


class OrderNotReturnable(Conflict):
    default_code = "order_not_returnable"
    default_detail = "Only a paid order that is not cancelled or refunded can be returned."


class UnitsNotReturnable(Conflict):
    default_code = "units_not_returnable"
    default_detail = "These units were not shipped, or were returned or refunded before."


class ReturnWindowClosed(Conflict):
    default_code = "return_window_closed"
    default_detail = "The time to return these units is over."


class TooManyReturns(Conflict):
    default_code = "too_many_returns"
    default_detail = "This order has too many returns."


class NothingReceived(ShopError):
    default_code = "nothing_received"
    default_detail = "Receive at least one unit. A return of which nothing has arrived stays open, or can be rejected."


class UnitsNotExpected(ShopError):
    default_code = "units_not_expected"
    default_detail = "The return has fewer units of this line."


class ReturnNotOpen(Conflict):
    default_code = "return_not_open"
    default_detail = "This return was answered before."


class WithdrawalNotRejectable(Conflict):
    default_code = "withdrawal_not_rejectable"
    default_detail = "A withdrawal within its window cannot be rejected."


class InvoiceNotIssued(Conflict):
    default_code = "invoice_not_issued"
    default_detail = "This order has no invoice. It is issued once the order is paid."


class OrderNotCorrectable(Conflict):
    default_code = "order_not_correctable"
    default_detail = (
        "Only an order of which nothing was shipped, and that is not cancelled, refunded, disputed or being paid, "
        "can be corrected."
    )


class OrderChanged(Conflict):
    default_code = "order_changed"
    default_detail = "The order has changed in the meantime. Look at it again."


class NothingDue(Conflict):
    default_code = "nothing_due"
    default_detail = "Nothing is due for this order."


class OrderNotErasable(Conflict):
    default_code = "order_not_erasable"
    default_detail = "Only an order of a guest can be erased. An account's data is erased by deleting the account."


class OrderErased(Conflict):
    default_code = "order_erased"
    default_detail = "The personal data of this order was erased."


class TooManyNotes(Conflict):
    default_code = "too_many_notes"
    default_detail = "This order has the maximum number of notes."


class NoteNotOwn(Conflict):
    default_code = "note_not_own"
    default_detail = "This note was deleted, or another member of staff wrote it."


class MailNotResent(Conflict):
    default_code = "mail_not_resent"
    default_detail = "This e-mail is queued, or was sent a moment ago."


class MailOutdated(Conflict):
    default_code = "mail_outdated"
    default_detail = "This e-mail no longer applies to the order, or has no recipient."


class NoOpenFlag(Conflict):
    default_code = "no_open_flag"
    default_detail = "This order has no open flag."


class TooManyUnpaidOrders(Conflict):
    default_code = "too_many_unpaid_orders"
    default_detail = "You have too many unpaid orders. Pay or cancel one of them first."


class TooManyUnpaidOrdersHere(TooManyRequests):
    """Orders from one network address hold too much stock."""

    default_code = "too_many_unpaid_orders_here"
    default_detail = "Too many unpaid orders from your network. Pay for one of them or try again later."


class TotalChanged(Conflict):
    default_code = "total_changed"
    default_detail = "The total has changed. Request a new quote."


class AmountTooSmall(ShopError):
    default_code = "amount_too_small"
    default_detail = "The total is below the minimum card charge."


class AmountTooLarge(ShopError):
    default_code = "amount_too_large"
    default_detail = "The total exceeds the maximum card charge."


class InvalidShippingMethod(ShopError):
    default_code = "invalid_shipping_method"
    default_detail = "This shipping method does not exist."


class ShippingAddressRequired(ShopError):
    default_code = "required"
    default_detail = "Only a pick-up can be ordered without a shipping address."


class NoShippingMethod(ShopError):
    """The shop has methods, but none serves this address and cart."""

    default_code = "no_shipping_method"
    default_detail = "The shop does not ship this cart to this address."


class InvalidTaxAddress(ShopError):
    """A tax provider refuses the address."""

    default_code = "invalid_tax_address"
    default_detail = "Tax cannot be calculated for this address. Check it."


class TaxUnavailable(ServiceUnavailable):
    default_code = "tax_unavailable"
    default_detail = "The tax cannot be calculated at the moment. Try again in a moment."


class NotBought(Conflict):
    default_code = "not_bought"
    default_detail = "Only customers who bought and kept this product can review it."


class AlreadyReviewed(Conflict):
    default_code = "already_reviewed"
    default_detail = "You have already reviewed this product. Change that review instead."
