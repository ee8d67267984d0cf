from django.db import models


class OrderStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    COMPLETED = "completed", "Completed"
    CANCELLED = "cancelled", "Cancelled"


class PaymentStatus(models.TextChoices):
    UNPAID = "unpaid", "Unpaid"
    PROCESSING = "processing", "Processing"
    PAID = "paid", "Paid"
    PARTIALLY_REFUNDED = "partially_refunded", "Partially refunded"
    REFUNDED = "refunded", "Refunded"
    FAILED = "failed", "Failed"
    DISPUTED = "disputed", "Disputed"


class FulfilmentStatus(models.TextChoices):
    UNFULFILLED = "unfulfilled", "Unfulfilled"
    PARTIALLY_SHIPPED = "partially_shipped", "Partially shipped"
    SHIPPED = "shipped", "Shipped"
    DELIVERED = "delivered", "Delivered"


PAYABLE_STATUSES = (PaymentStatus.UNPAID, PaymentStatus.PROCESSING, PaymentStatus.FAILED)
FUNDED_STATUSES = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)
AFTER_PAYMENT = (*FUNDED_STATUSES, PaymentStatus.REFUNDED)
EVER_PAID_STATUSES = (*AFTER_PAYMENT, PaymentStatus.DISPUTED)
