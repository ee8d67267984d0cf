from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Customers"

    def ready(self) -> None:
        from accounts import changes, export, hooks, mail_samples, mails, services  # noqa: F401 (for their jobs)

        hooks.export.register(export.export_account)
        mail_samples.register()
        changes.register()
