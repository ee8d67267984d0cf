from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = "Sales"

    def ready(self) -> None:
        from accounts import hooks
        from orders import detaching, export, holds, pricing  # noqa: F401 (holds registers its job)
        from orders.errors import OrderNotCancellable
        from orders.reviews.services import forget_reviewer

        hooks.check_state.register(pricing.check_state)
        hooks.before_forget.register(detaching.cancel_unpaid_orders, errors=[OrderNotCancellable])
        hooks.on_forget.register(detaching.forget_customer)
        hooks.on_forget.register(forget_reviewer)
        hooks.on_takeover.register(detaching.detach_orders)
        hooks.on_takeover.register(forget_reviewer)
        hooks.export.register(export.export_orders)
        hooks.export.register(export.export_reviews)
