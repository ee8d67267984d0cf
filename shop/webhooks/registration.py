from shop.changes import hooks
from shop.jobs import mail_samples
from shop.jobs.mails import Mail
from shop.webhooks import metrics, services  # noqa: F401 (their readings, jobs and task)
from shop.webhooks.mails import notice
from shop.webhooks.queue import write_deliveries


def register() -> None:
    hooks.on_numbered.register(write_deliveries)
    mail_samples.register("mails/webhooks/disabled", _sample)


def _sample() -> Mail:
    reason = "A delivery failed for three days. The endpoint answered 500."
    return notice(to="staff@example.com", url="https://erp.example.com/webhooks", reason=reason)
