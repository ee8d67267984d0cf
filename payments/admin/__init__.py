from payments.admin import dashboard, events, payments

__all__ = ["dashboard", "events", "payments"]
