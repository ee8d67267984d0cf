from bson import ObjectId
from django.conf import settings

from shop.jobs import Job, mails
from shop.jobs.mails import Mail
from shop.webhooks.models import WebhookEndpoint


@mails.mail("shop.webhook_disabled")
def disabled_mail(*, endpoint: str, address: str) -> Mail | None:
    row = WebhookEndpoint.objects.filter(pk=endpoint, enabled=False).first()
    if row is None or address not in settings.ORDER_NOTICE_EMAILS:
        return None
    return notice(to=address, url=row.url, reason=row.disabled_reason)


def notice(*, to: str, url: str, reason: str) -> Mail:
    return Mail(
        to=to,
        verified=True,
        budget=None,
        subject="A webhook endpoint was disabled",
        template="mails/webhooks/disabled",
        context={"url": url, "explanation": reason},
    )


def endpoint_disabled_mails(endpoint_id: ObjectId) -> list[Job]:
    """Return unsaved jobs."""
    return [disabled_mail.job(endpoint=str(endpoint_id), address=address) for address in settings.ORDER_NOTICE_EMAILS]
