"""Endpoints, and what staff do with their deliveries."""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from django.db import IntegrityError
from django.utils import timezone

from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs import Cursor
from shop.jobs.retention import delete_in_batches, update_in_batches
from shop.jobs.timing import now
from shop.webhooks import queue
from shop.webhooks.errors import DeliveryHeld, EndpointDisabled, TooManyEndpoints
from shop.webhooks.models import MAX_ENDPOINTS, ROTATION, TEST, WebhookDelivery, WebhookEndpoint, subject_of
from shop.webhooks.signing import Secret, new_secret

Status = WebhookDelivery.Status
# Failed deliveries in one run of the job.
RETRIED_AT_ONCE = 100


# --- Endpoints --------------------------------------------------------------------------------------------------------


def create_endpoint(
    *, url: str, types: Sequence[str], description: str = "", enabled: bool = True
) -> tuple[WebhookEndpoint, str]:
    """Also return the secret. Raises ``TooManyEndpoints``. The arguments are validated."""
    secret = new_secret()
    endpoint = WebhookEndpoint(
        url=url,
        types=list(types),
        description=description,
        enabled=enabled,
        salt=secret.salt,
        fingerprint=secret.fingerprint,
    )
    for _ in range(MAX_ENDPOINTS):
        try:
            _add(endpoint)
        except IntegrityError:
            # A concurrent request has taken the slot.
            continue
        return endpoint, secret.text
    raise TooManyEndpoints


@transactional("webhooks.add_endpoint")
def _add(endpoint: WebhookEndpoint) -> None:
    taken = set(WebhookEndpoint.objects.values_list("slot", flat=True))
    free = next((slot for slot in range(1, MAX_ENDPOINTS + 1) if slot not in taken), None)
    if free is None:
        raise TooManyEndpoints
    endpoint.slot = free
    documents.insert(endpoint)
    staff_log.record(Action.ADD, endpoint)


@transactional("webhooks.change_endpoint")
def change_endpoint(*, endpoint: WebhookEndpoint, fields: dict[str, Any]) -> WebhookEndpoint:
    """Enabling it sends what was not delivered before."""
    endpoint = WebhookEndpoint.objects.get(pk=endpoint.pk)
    changes = dict(fields)
    if changes.get("enabled") and not endpoint.enabled:
        changes |= {"disabled_reason": "", "disabled_at": None, "failures": 0, "paused_until": None}
        retry_pending.enqueue(endpoint=str(endpoint.pk))
    elif changes.get("enabled") is False and endpoint.enabled:
        changes |= {"disabled_at": now()}
    if "url" in changes and changes["url"] != endpoint.url:
        changes |= {"failures": 0, "paused_until": None}
    if changes:
        documents.update_rows(WebhookEndpoint, {endpoint.pk: changes})
        staff_log.record(Action.CHANGE, endpoint, fields=fields)
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


@jobs.job("shop.retry_webhooks")
def retry_pending(*, endpoint: str) -> None:
    """Give the open and failed deliveries of an endpoint that was enabled again all their attempts, now."""
    rows = WebhookDelivery.objects.filter(endpoint=ObjectId(endpoint))
    # Latest first, because each is put before the others of its object.
    failed = list(
        rows.filter(status=Status.FAILED).order_by("-sequence").values_list("pk", flat=True)[:RETRIED_AT_ONCE]
    )
    retried = [_retry_failed(pk) for pk in failed]
    is_more = any(retried) and len(retried) == RETRIED_AT_ONCE
    tried = rows.filter(status=Status.PENDING, tries__gt=0, is_leased=False)
    if update_in_batches(tried, tries=0, run_at=now()) or is_more:
        raise jobs.Continue(endpoint=endpoint)


@transactional("webhooks.retry_failed")
def _retry_failed(pk: ObjectId) -> bool:
    """Return False if its endpoint was disabled again, or it is pending already."""
    delivery = WebhookDelivery.objects.filter(pk=pk, status=Status.FAILED).first()
    if not delivery or not WebhookEndpoint.objects.filter(pk=delivery.endpoint, enabled=True).exists():
        return False
    queue.put_in_order(delivery)
    return True


@transactional("webhooks.delete_endpoint")
def delete_endpoint(*, endpoint: WebhookEndpoint) -> None:
    """A task deletes its deliveries."""
    staff_log.record(Action.DELETE, endpoint)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()


@transactional("webhooks.rotate_secret")
def rotate_secret(*, endpoint: WebhookEndpoint) -> str:
    """Return the new secret. The former one signs, too, for a day."""
    endpoint = WebhookEndpoint.objects.get(pk=endpoint.pk)
    secret: Secret = new_secret()
    documents.update_rows(
        WebhookEndpoint,
        {
            endpoint.pk: {
                "salt": secret.salt,
                "fingerprint": secret.fingerprint,
                "former_salt": endpoint.salt,
                "former_fingerprint": endpoint.fingerprint,
                "former_until": timezone.now() + ROTATION,
            }
        },
    )
    staff_log.record(Action.CHANGE, endpoint, fields=["secret"])
    return secret.text


# --- Deliveries -------------------------------------------------------------------------------------------------------


@transactional("webhooks.test_endpoint")
def send_test(*, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Raises ``EndpointDisabled``."""
    _require_enabled(endpoint.pk)
    moment, pk = now(), ObjectId()
    delivery = WebhookDelivery(
        pk=pk,
        endpoint=endpoint.pk,
        sequence=0,
        type=TEST,
        kind="webhook",
        object_id=str(endpoint.pk),
        # Behind no other one.
        subject=subject_of("webhook", str(pk)),
        changed_at=moment,
        status=Status.PENDING,
        run_at=moment,
    )
    documents.insert(delivery)
    staff_log.record(Action.RUN, endpoint)
    return delivery


@transactional("webhooks.replay")
def replay(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send a delivery again with the same id, behind a pending one of its object; a pending one is tried at once.

    Raises ``DeliveryHeld``, ``EndpointDisabled``.
    """
    delivery = WebhookDelivery.objects.get(pk=delivery.pk)
    _require_enabled(delivery.endpoint)
    if delivery.status == Status.HELD:
        raise DeliveryHeld
    if delivery.status == Status.PENDING:
        if not delivery.is_leased:
            documents.update_rows(WebhookDelivery, {delivery.pk: {"run_at": now()}})
    else:
        queue.put_behind_others([delivery])
        queue.store_again(delivery)
    staff_log.record(Action.REPLAY, delivery)
    return WebhookDelivery.objects.get(pk=delivery.pk)


def _require_enabled(endpoint_id: ObjectId) -> None:
    """Read in the transaction that adds a delivery."""
    if not WebhookEndpoint.objects.filter(pk=endpoint_id, enabled=True).exists():
        raise EndpointDisabled


@jobs.every_in_slices(600, name="shop.forget_webhook_deliveries")
def delete_of_deleted_endpoints(cursor: Cursor) -> Cursor:
    """Delete the deliveries of deleted endpoints; concurrent numbering may have written some after the deletion."""
    known = set(WebhookEndpoint.objects.values_list("pk", flat=True))
    for endpoint in documents.distinct(WebhookDelivery, "endpoint"):
        if endpoint not in known and delete_in_batches(WebhookDelivery, {"endpoint": endpoint}):
            return True
    return None
