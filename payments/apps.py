from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        from accounts import hooks as account_hooks
        from orders import hooks
        from payments import changes, corrections, customers, events, export, reconciliation, refunds, services  # noqa: F401 (they register their jobs)
        from payments.errors import PaymentDisputed

        changes.register()
        hooks.check_amount.register(services.require_chargeable)
        hooks.before_cancel.register(services.close_intents)
        hooks.numbers_of_payments.register(services.order_numbers)
        hooks.on_cancelled.register(refunds.refund_cancelled_order)
        hooks.on_cancelled.register(services.close_intents_later)
        hooks.on_corrected.register(corrections.change_amounts_later)
        hooks.refund_difference.register(refunds.refund_difference)
        hooks.refund_units.register(refunds.refund_return, errors=[PaymentDisputed])
        hooks.on_claimed.register(services.claim_payments)
        hooks.on_erased.register(services.erase_personal_data)
        account_hooks.on_deletion.register(customers.on_deletion)
        account_hooks.detach_rows.register(services.detach_payments)
        account_hooks.export.register(export.export_payments)
