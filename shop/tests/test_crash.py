"""A killed server loses no acknowledged order, and leaves nothing half done."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from accounts.models import User
from accounts.tokens import issue_tokens
from catalog.models import Product, Variant
from conftest import ADDRESS
from orders.models import Order, ShippingMethod
from shop import audit
from shop.dev.testing.server import shop_server

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS = 4
KILLS = 2


@pytest.mark.slow
def test_a_killed_server_loses_no_acknowledged_order(
    make_product: Callable[..., Product], make_user: Callable[..., User], shipping: ShippingMethod, tmp_path: Path
) -> None:
    product = make_product(stock=100_000)
    tokens = [issue_tokens(make_user())["access"] for _ in range(BUYERS)]
    acknowledged: list[str] = []
    refused: list[str] = []
    stopping = threading.Event()

    with shop_server(log=tmp_path / "web.log", workers=2) as server:

        def buy(token: str) -> None:
            http = requests.Session()
            http.headers["Authorization"] = f"Bearer {token}"
            while not stopping.is_set():
                try:
                    http.post(
                        f"{server.url}/api/v1/cart/items/", json={"product": str(product.pk), "quantity": 2}, timeout=10
                    )
                    reply = http.post(f"{server.url}/api/v1/orders/", json={"shipping_address": ADDRESS}, timeout=10)
                except requests.RequestException:
                    time.sleep(0.02)
                    continue
                if reply.status_code == 201:
                    acknowledged.append(reply.json()["number"])
                elif reply.status_code >= 500:
                    refused.append(reply.text)

        buyers = [threading.Thread(target=buy, args=(token,)) for token in tokens]
        for buyer in buyers:
            buyer.start()
        for _ in range(KILLS):
            time.sleep(0.5)
            server.kill()
            server.start()
        time.sleep(0.5)
        stopping.set()
        for buyer in buyers:
            buyer.join(20)

    assert len(acknowledged) > BUYERS * KILLS
    assert not refused
    kept = {order.number: order for order in Order.objects.all()}
    assert set(acknowledged) <= set(kept)
    taken = sum(line.quantity for order in kept.values() for line in order.lines)
    assert Variant.objects.get(product=product).stock == 100_000 - taken
    assert audit.violations() == []
