import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from bson import ObjectId
from django.conf import settings
from pymongo import MongoClient

from shop.dev.faults.state import OrderRecord, Person
from shop.dev.faults.world import World
from shop.dev.mongod import free_port
from shop.dev.processes import last_lines, spawn

_START_SECONDS = 30


class NaiveState:
    def __init__(self, uri: str) -> None:
        self.client: MongoClient[dict[str, Any]] = MongoClient(uri)
        self.db = self.client["naive"]
        self.initial: dict[str, int] = {}

    def make_product(self, stock: int) -> str:
        product = str(ObjectId())
        self.db.products.insert_one({"_id": product, "stock": stock, "initial": stock})
        self.initial[product] = stock
        return product

    def make_coupon(self, code: str, limit: int) -> None:
        self.db.coupons.insert_one({"_id": code, "limit": limit, "used": 0})

    def make_people(self, count: int) -> list[Person]:
        return [Person(name, name) for name in (str(ObjectId()) for _ in range(count))]

    def make_staff(self) -> Person:
        return Person("staff", "staff")

    def orders(self) -> list[OrderRecord]:
        return [
            OrderRecord(
                number=order["number"],
                buyer=order["buyer"],
                status=order["status"],
                payment_status=order["payment_status"],
                pieces=dict(Counter({line["product"]: line["quantity"] for line in order["lines"]})),
                paid=order["paid"],
                refunds=tuple(order["refunds"]),
            )
            for order in self.db.orders.find()
        ]

    def stock(self, product: str) -> int:
        return self.db.products.find_one({"_id": product})["stock"]  # type: ignore[index]

    def coupon_uses(self, code: str) -> int:
        return self.db.uses.count_documents({"coupon": code})

    def events(self) -> int:
        return self.db.events.count_documents({})

    def cancel_locally(self, number: str, *, expired: bool) -> None:
        order = self.db.orders.find_one_and_update({"number": number}, {"$set": {"status": "cancelled"}})
        for line in order["lines"]:  # type: ignore[index]
            self.db.products.update_one({"_id": line["product"]}, {"$inc": {"stock": line["quantity"]}})

    def audit(self) -> list[str]:
        """Check that stock equals initial stock less sales."""
        held: Counter[str] = Counter()
        for order in self.orders():
            if order.status != "cancelled":
                held.update(order.pieces)
        return [
            f"initial stock {product['initial']}, {held[product['_id']]} sold, {product['stock']} left"
            for product in self.db.products.find()
            if product["initial"] - held[product["_id"]] != product["stock"]
        ]


class NaiveWorld(World):
    def __init__(self, uri: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.state: NaiveState = NaiveState(uri)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        log: Path = self.folder / "naive.log"
        command = [sys.executable, "-m", "shop.dev.faults.naive", str(port), uri, self.stripe.url]
        with log.open("ab") as output:
            self._process = spawn(command, stdout=output, env=dict(os.environ), folder=settings.BASE_DIR)
        give_up_at = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > give_up_at or self._process.poll() is not None:
                raise RuntimeError(f"the naive shop did not start: {last_lines(log)}")
            time.sleep(0.05)

    def begin(self) -> None:
        self.state.client.drop_database("naive")
        super().begin()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self.state.client.close()

    def _answers(self) -> bool:
        try:
            with build_opener(ProxyHandler({})).open(f"{self.url}/readyz", timeout=2) as reply:
                return reply.status == 200
        except OSError:
            return False
