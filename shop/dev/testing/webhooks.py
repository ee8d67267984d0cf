from shop.webhooks import services
from shop.webhooks.models import WebhookDelivery


def make_webhook(url: str = "https://erp.example.com/hook") -> tuple[str, str]:
    """Return the ids of an endpoint and of a delivery, which has failed."""
    endpoint, _ = services.create_endpoint(url=url, types=["order.*"])
    delivery = services.send_test(endpoint=endpoint)
    failed = {"status": WebhookDelivery.Status.FAILED, "run_at": None}
    WebhookDelivery.objects.filter(pk=delivery.pk).update(**failed)
    return str(endpoint.pk), str(delivery.pk)
