from collections.abc import Iterator

from shop.audit.registry import Window, invariant, invariant_over
from shop.changes.models import COUNTER, Change, ChangeCounter
from shop.db import documents
from shop.webhooks.models import TEST, WebhookDelivery

Status = WebhookDelivery.Status


@invariant_over(WebhookDelivery, "each webhook delivery is about a change")
def deliveries_have_changes(deliveries: Window[WebhookDelivery]) -> Iterator[str]:
    counter = ChangeCounter.objects.filter(pk=COUNTER).first()
    deleted = counter.deleted if counter else 0
    about = {each.sequence: each for each in deliveries if each.type != TEST and each.sequence > deleted}
    rows = documents.views(Change, [{"$match": {"_id": {"$in": list(about)}}}])
    known = {row.position: (row.type, row.object_id) for row in rows}
    for sequence, delivery in about.items():
        if known.get(sequence) != (delivery.type, delivery.object_id):
            yield f"{delivery.message_id} is about {sequence} {delivery}, but there is {known.get(sequence)}"


@invariant("of an endpoint's open webhook deliveries about an object, one is pending, which knows how many it holds")
def one_is_pending() -> Iterator[str]:
    # Held ones are few, and so are those with followers.
    held = {
        "_id": {"endpoint": "$endpoint", "subject": "$subject"},
        "pending": {"$sum": {"$cond": [{"$eq": ["$status", Status.PENDING.value]}, 1, 0]}},
        "held": {"$sum": {"$cond": [{"$eq": ["$status", Status.HELD.value]}, 1, 0]}},
        "followers": {"$sum": "$followers"},
    }
    match = {"status": {"$in": [status.value for status in WebhookDelivery.OPEN]}}
    wrong = {"$match": {"$expr": {"$or": [{"$ne": ["$pending", 1]}, {"$ne": ["$held", "$followers"]}]}}}
    for row in documents.iterate(WebhookDelivery, [{"$match": match}, {"$group": held}, wrong, {"$limit": 100}]):
        yield f"{row['_id']['subject']}: {row['pending']} pending, {row['held']} held, {row['followers']} counted"
