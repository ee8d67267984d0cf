from django.apps import AppConfig


class CartConfig(AppConfig):
    name = "cart"
    verbose_name = "Carts and discounts"

    def ready(self) -> None:
        from accounts import hooks
        from cart import export, services

        hooks.on_login.register(services.merge_guest_cart)
        hooks.detach_rows.register(services.detach_customer_data)
        hooks.export.register(export.export_cart)
