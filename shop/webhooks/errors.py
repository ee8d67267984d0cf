from shop.api.errors import Conflict
from shop.webhooks.models import MAX_ENDPOINTS


class TooManyEndpoints(Conflict):
    default_code = "too_many_endpoints"
    default_detail = f"A shop has at most {MAX_ENDPOINTS} webhook endpoints."


class DeliveryHeld(Conflict):
    default_code = "delivery_held"
    default_detail = "This delivery waits for an earlier one of the same object."


class EndpointDisabled(Conflict):
    default_code = "endpoint_disabled"
    default_detail = "This endpoint is disabled. Enable it first."
