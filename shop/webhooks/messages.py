import structlog

from shop.api.errors import is_database_outage
from shop.api.renderers import JSONRenderer
from shop.changes.kinds import kinds
from shop.webhooks.models import TEST, WebhookDelivery

logger = structlog.get_logger(__name__)

MAX_BODY_BYTES = 256 * 1024


def body_of(delivery: WebhookDelivery) -> bytes:
    """Return the message, with the object as the API shows it to staff now.

    ``data`` has only an ``id`` if the object is gone, with ``omitted`` if it is too large or cannot be shown.
    """
    known = {"id": delivery.object_id}
    try:
        body = _json(delivery, _data_of(delivery) or known)
    except Exception as error:
        if is_database_outage(error):
            raise
        logger.exception("webhook_object_not_shown", type=delivery.type, object=delivery.object_id)
    else:
        if len(body) <= MAX_BODY_BYTES:
            return body
    return _json(delivery, {**known, "omitted": True})


def _data_of(delivery: WebhookDelivery) -> dict | None:
    if delivery.type == TEST:
        return {"message": "This is a test."}
    # A kind of another release cannot be shown.
    return kinds()[delivery.kind].show(delivery.object_id, delivery.parent)


def _json(delivery: WebhookDelivery, data: dict) -> bytes:
    message = {
        "id": delivery.message_id,
        "type": delivery.type,
        "created_at": delivery.changed_at,
        "sequence": delivery.sequence,
        "data": data,
    }
    return JSONRenderer().render(message)
