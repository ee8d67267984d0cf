from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from accounts import hooks
        from orders import services

        hooks.on_forget.register(services.forget_customer)
