from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = "Sales"

    def ready(self) -> None:
        from accounts import hooks
        from cart import hooks as cart_hooks
        from orders import (  # noqa: F401 (for their jobs)
            backfill,
            change_kinds,
            claiming,
            detaching,
            expiry,
            export,
            holds,
            lost_links,
            mail_samples,
            placing,
            pricing,
        )
        from orders.errors import OrderNotCancellable
        from orders.invoices import issuing, retention  # noqa: F401 (for their jobs)
        from orders.reports import totals  # noqa: F401 (for its task)
        from orders.taxes import provider

        hooks.check_state.register(pricing.check_state)
        provider.register()
        change_kinds.register()
        mail_samples.register()
        cart_hooks.orders_of.register(placing.counted_orders)
        hooks.on_email_verified.register(claiming.claim_later)
        hooks.before_deletion.register(detaching.cancel_unpaid_orders, errors=[OrderNotCancellable])
        hooks.on_deletion.register(detaching.require_no_unpaid_orders)
        hooks.detach_rows.register(detaching.detach_reviews_and_orders)
        hooks.export.register(export.export_orders)
        hooks.export.register(export.export_reviews)
