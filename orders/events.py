"""Events of an order's timeline."""

from django.db import models


class Actor(models.TextChoices):
    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"
    STRIPE = "stripe"


class Event(models.TextChoices):
    PLACED = "placed", "Placed"
    PAYMENT_PROCESSING = "payment_processing", "Payment processing"
    PAYMENT_FAILED = "payment_failed", "Payment failed"
    PAID = "paid", "Paid"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"
    REFUNDED = "refunded", "Refunded"
    DISPUTED = "disputed", "Disputed"
    DISPUTE_WON = "dispute_won", "Dispute won"
    DISPUTE_LOST = "dispute_lost", "Dispute lost"
    FLAGGED = "flagged", "Flagged"
    FLAG_SETTLED = "flag_settled", "Flag resolved"
    SHIPPED = "shipped", "Shipped"
    TRACKING_CHANGED = "tracking_changed", "Tracking corrected"
    ITEMS_CANCELLED = "items_cancelled", "Rest cancelled"
    DELIVERED = "delivered", "Delivered"
    RETURN_REQUESTED = "return_requested", "Return requested"
    WITHDRAWN = "withdrawn", "Withdrawn"
    RETURN_APPROVED = "return_approved", "Return approved"
    RETURN_REJECTED = "return_rejected", "Return rejected"
    RETURN_RECEIVED = "return_received", "Return received"
    CORRECTED = "corrected", "Corrected"
    DIFFERENCE_PAID = "difference_paid", "Difference paid"


DISPUTE_EVENTS = (Event.DISPUTED, Event.DISPUTE_WON, Event.DISPUTE_LOST)
