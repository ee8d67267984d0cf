"""The audit of a shop with many orders."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.conf import settings
from django.db.models import F
from pymongo.collection import Collection
from rest_framework.test import APIClient

from catalog.models import Product, StockMovement, Variant
from orders import services
from orders.models import Order
from payments.models import Payment
from shop import jobs
from shop.db import documents
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import place_order

ORDERS = 100_000
BATCH = 5_000

AUDIT = """
import django
django.setup()
from django.core.management import call_command
call_command("audit")
print(open("/proc/self/status").read())
"""


@pytest.mark.large
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.django_db(transaction=True)
def test_memory_does_not_grow_with_the_number_of_orders(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    order = Order.objects.get(number=place_order(as_customer, make_product(stock=10 * ORDERS), 2)["number"])
    amount = int(order.total * 100)
    payment = Payment.objects.create(
        order=order, order_number=order.number, intent="pi_1", amount=amount, amount_received=amount, currency="usd"
    )
    services.attach_payment(order_id=order.pk, payment=payment.pk)
    services.mark_paid(order_id=order.pk)
    while jobs.run_due():
        pass
    of_one = megabytes_of_an_audit()
    repeat(order, payment, times=ORDERS)
    assert megabytes_of_an_audit() < of_one + 60


def megabytes_of_an_audit() -> float:
    environment = {**os.environ, "MONGO_URI": database_uri(), "DJANGO_SETTINGS_MODULE": "shop.settings", "DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", AUDIT],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)
    return int(peak) / 1024


def repeat(order: Order, payment: Payment, *, times: int) -> None:
    """Insert copies of a paid order of one line."""
    collections = [documents.collection_of(model)[0] for model in (Order, Payment, StockMovement)]
    rows = [
        documents.with_defaults(Order, found(collections[0], {"_id": order.pk})),
        documents.with_defaults(Payment, found(collections[1], {"_id": payment.pk})),
        found(collections[2], {"reference": order.number}),
    ]
    for start in range(0, times, BATCH):
        copies: list[list[dict[str, Any]]] = [[], [], []]
        for number in range(start, start + BATCH):
            keys = {"_id": ObjectId(), "number": f"N{number:09}", "payment": ObjectId(), "cart": ObjectId()}
            of_payment = {"_id": keys["payment"], "order_id": keys["_id"], "order_number": keys["number"]}
            copies[0].append(rows[0] | keys)
            copies[1].append(rows[1] | of_payment | {"intent": f"pi_copy_{number}"})
            copies[2].append(rows[2] | {"_id": ObjectId(), "reference": keys["number"]})
        for collection, documents_of_batch in zip(collections, copies, strict=True):
            collection.insert_many(documents_of_batch)
    quantity = order.lines[0].quantity
    Variant.objects.update(stock=F("stock") - quantity * times)
    Product.objects.update(sales=F("sales") + quantity * times)


def found(collection: Collection, match: dict[str, Any]) -> dict[str, Any]:
    document = collection.find_one(match)
    assert document
    return document
