from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = "Sales"

    def ready(self) -> None:
        from accounts import hooks
        from orders import export, services

        hooks.before_forget.register(services.settle_for_leaving_customer)
        hooks.on_forget.register(services.forget_customer)
        hooks.export.register(export.export_orders)
