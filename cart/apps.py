from django.apps import AppConfig


class CartConfig(AppConfig):
    name = "cart"
    verbose_name = "Carts and discounts"

    def ready(self) -> None:
        from accounts import hooks
        from cart import export, services

        hooks.on_login.register(services.merge_guest_cart)
        hooks.on_deletion.register(services.delete_customer_data)
        hooks.on_takeover.register(services.delete_customer_data)
        hooks.export.register(export.export_cart)
