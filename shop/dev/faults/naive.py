"""Control: a shop without locks that trusts every webhook. Arguments: PORT MONGO_URI STRIPE_URL."""

import json
import random
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bson import ObjectId
from pymongo import MongoClient

PRICE = 1000
Reply = tuple[int, dict[str, Any]]


def refused(status: int, code: str) -> Reply:
    return status, {"errors": [{"code": code, "detail": code}]}


class Shop:
    def __init__(self, uri: str, stripe: str) -> None:
        self.db: Any = MongoClient(uri)["naive"]
        self._stripe = stripe

    def answer(self, method: str, path: list[str], user: str, body: dict[str, Any]) -> Reply:
        match method, path:
            case "POST", ["cart", "items"]:
                line = {"product": body["product"], "quantity": body["quantity"]}
                self.db.carts.update_one({"_id": user}, {"$push": {"lines": line}}, upsert=True)
                return 201, {}
            case "PUT", ["cart", "coupon"]:
                self.db.carts.update_one({"_id": user}, {"$set": {"coupon": body["code"]}}, upsert=True)
                return 200, {}
            case "POST", ["orders"]:
                return self.place(user)
            case "GET", ["orders", number]:
                return 200, self.db.orders.find_one({"number": number}, {"_id": 0})
            case "POST", ["orders", number, "cancel"]:
                return self.cancel(number)
            case "POST", ["payments"]:
                return self.open_payment(body["order"])
            case "POST", ["payments", "webhook"]:
                return self.webhook(body)
            case "POST", ["payments", payment, "refunds"]:
                return self.refund(payment, int(float(body["amount"]) * 100))
        return refused(404, "not_found")

    def place(self, user: str) -> Reply:
        cart = self.db.carts.find_one({"_id": user})
        if not cart or not cart["lines"]:
            return refused(400, "empty_cart")
        products = {line["product"]: self.db.products.find_one({"_id": line["product"]}) for line in cart["lines"]}
        for line in cart["lines"]:
            if products[line["product"]]["stock"] < line["quantity"]:
                return refused(409, "out_of_stock")
        coupon = self.db.coupons.find_one({"_id": cart.get("coupon")})
        if coupon and coupon["used"] >= coupon["limit"]:
            return refused(400, "invalid_coupon")
        number = f"N{random.randrange(10**12):012}"  # noqa: S311
        order = {"number": number, "buyer": user, "lines": cart["lines"], "status": "pending"}
        self.db.orders.insert_one({**order, "payment_status": "unpaid", "paid": 0, "refunds": []})
        for line in cart["lines"]:
            stock = products[line["product"]]["stock"] - line["quantity"]
            self.db.products.update_one({"_id": line["product"]}, {"$set": {"stock": stock}})
        if coupon:
            self.db.coupons.update_one({"_id": coupon["_id"]}, {"$set": {"used": coupon["used"] + 1}})
            self.db.uses.insert_one({"coupon": coupon["_id"], "order": number})
        self.db.carts.update_one({"_id": user}, {"$set": {"lines": []}})
        return 201, {"number": number}

    def cancel(self, number: str) -> Reply:
        order = self.db.orders.find_one({"number": number})
        if order["status"] == "cancelled":
            return refused(409, "order_not_cancellable")
        for line in order["lines"]:
            self.db.products.update_one({"_id": line["product"]}, {"$inc": {"stock": line["quantity"]}})
        self.db.orders.update_one({"number": number}, {"$set": {"status": "cancelled"}})
        return 200, {}

    def open_payment(self, number: str) -> Reply:
        payment = self.db.payments.find_one({"order": number})
        if payment is None:
            intent = self._call("payment_intents", amount=PRICE, currency="usd", **{"metadata[order]": number})
            payment = {"_id": str(ObjectId()), "order": number, "payment_intent": intent["id"]}
            self.db.payments.insert_one(payment)
        return 201, {"id": payment["_id"], **payment}

    def webhook(self, event: dict[str, Any]) -> Reply:
        self.db.events.insert_one({"event": event["id"]})
        if event["type"] == "payment_intent.succeeded":
            payment = self.db.payments.find_one({"payment_intent": event["data"]["object"]["id"]})
            paid = {"$set": {"payment_status": "paid"}, "$inc": {"paid": 1}}
            self.db.orders.update_one({"number": payment["order"]}, paid)
        return 200, {}

    def refund(self, payment_id: str, amount: int) -> Reply:
        payment = self.db.payments.find_one({"_id": payment_id})
        order = self.db.orders.find_one({"number": payment["order"]})
        if sum(order["refunds"]) + amount > PRICE:
            return refused(409, "refund_too_large")
        # Let concurrent requests pass the check.
        time.sleep(0.1)
        self.db.orders.update_one({"number": order["number"]}, {"$push": {"refunds": amount}})
        self._call("refunds", payment_intent=payment["payment_intent"], amount=amount)
        return 201, {}

    def _call(self, what: str, **form: Any) -> dict[str, Any]:
        data = urllib.parse.urlencode(form).encode()
        headers = {"Authorization": "Bearer sk_test_simulator", "Content-Type": "application/x-www-form-urlencoded"}
        request = urllib.request.Request(f"{self._stripe}/v1/{what}", data, headers)  # noqa: S310
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
            return json.loads(reply.read())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    shop: Shop

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = [part for part in self.path.removeprefix("/api/v1").split("/") if part]
        status, data = 200, {}
        if path != ["readyz"]:
            try:
                user = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, data = self.shop.answer(self.command, path, user, json.loads(raw or b"{}"))
            except Exception as error:
                status, data = refused(500, repr(error))
        reply = json.dumps(data, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Do not log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


if __name__ == "__main__":
    Handler.shop = Shop(sys.argv[2], sys.argv[3])
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    threading.Event().wait()
