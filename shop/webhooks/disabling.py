from bson import ObjectId

from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs.timing import now
from shop.webhooks.mails import endpoint_disabled_mails
from shop.webhooks.models import WebhookEndpoint


@transactional("webhooks.disable_endpoint")
def disable_endpoint(*, endpoint_id: ObjectId, reason: str) -> None:
    """Notify staff. Its deliveries are kept, and sent when it is enabled again."""
    disabled = {"enabled": False, "disabled_reason": reason, "disabled_at": now()}
    if WebhookEndpoint.objects.filter(pk=endpoint_id, enabled=True).update(**disabled):
        documents.insert(*endpoint_disabled_mails(endpoint_id))
