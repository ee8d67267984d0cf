"""Fixtures of tests of payments."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from conftest import ADDRESS
from orders.models import ShippingMethod
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator


@pytest.fixture
def order_with_payment(
    make_product: Callable[..., Product], shipping: ShippingMethod, simulator: StripeSimulator
) -> Callable[[APIClient], Payment]:
    product = make_product(stock=1000)

    def make(client: APIClient) -> Payment:
        client.post("/api/v1/cart/items/", {"product": str(product.pk)})
        number = client.post("/api/v1/orders/", {"shipping_address": ADDRESS}).json()["number"]
        reply = client.post("/api/v1/payments/", {"order": number})
        assert reply.status_code == 201, reply.content
        return Payment.objects.get(pk=reply.json()["id"])

    return make
