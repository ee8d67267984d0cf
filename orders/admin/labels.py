STATUS_LABELS = {"pending": "warning", "completed": "success", "cancelled": "danger"}
PAYMENT_LABELS = {
    "unpaid": "warning",
    "processing": "info",
    "paid": "success",
    "partially_refunded": "info",
    "refunded": "info",
    "failed": "danger",
    "disputed": "danger",
}
FULFILMENT_LABELS = {"unfulfilled": "", "shipped": "info", "delivered": "success"}
