"""Chapters about orders that are shipped, returned, cancelled and refunded."""

import secrets
from decimal import Decimal
from typing import Any

from shop.dev.demo.lines import money, timeline_lines
from shop.dev.demo.storefront import confirm_as_stripe_js
from shop.dev.demo.visit import CANDLE, GOOD_CARD, MUG, Visit


class AfterSales(Visit):
    def order_is_shipped(self, order: dict[str, Any]) -> None:
        self.narrator.chapter(
            "The order leaves in two parcels", "Staff ship units of single lines. Each parcel has its tracking link."
        )
        number = order["number"]
        line = next(line for line in order["lines"] if line["quantity"] == 2)
        one_mug = {"lines": [{"line": line["id"], "quantity": 1}], "carrier": "DHL", "tracking_number": "JD0140001"}
        self.staff.post(f"/orders/{number}/fulfilments/", one_mug)
        shown = self.customer.get(f"/orders/{number}/")
        self.promise(
            shown["fulfilment_status"] == "partially_shipped" and not shown["cancellable"],
            "After the first parcel the order is partially shipped and can no longer be cancelled",
        )
        self.staff.post(f"/orders/{number}/fulfilments/", {"carrier": "UPS", "tracking_number": "1Z9990001"})
        shown = self.customer.get(f"/orders/{number}/")
        self.narrator.shown(
            f"{sum(each['quantity'] for each in parcel['lines'])} units: {parcel['tracking_url']}"
            for parcel in shown["fulfilments"]
        )
        packed = sum(each["quantity"] for parcel in shown["fulfilments"] for each in parcel["lines"])
        self.promise(
            shown["fulfilment_status"] == "shipped" and packed == shown["item_count"],
            f"The second parcel has the rest of {packed} units",
        )

    def mug_is_returned(self, order: dict[str, Any]) -> None:
        self.narrator.chapter(
            "A mug comes back",
            "A customer withdraws in two steps: a preview with the refund, then the confirmation. Staff approve, put "
            "the mug back into stock and refund exactly what was paid for it.",
        )
        number = order["number"]
        line = next(line for line in order["lines"] if line["quantity"] == 2)
        body = {"lines": [{"line": line["id"], "quantity": 1}], "withdrawal": True}
        preview = self.customer.post(f"/orders/{number}/returns/preview/", body, expect=200)
        self.narrator.shown([f"1 x {line['name']}, expected refund {preview['expected_refund']}"])
        key = {"Idempotency-Key": secrets.token_hex(16)}
        address = (
            f"/orders/{number}/returns/{self.customer.post(f'/orders/{number}/returns/', body, headers=key)['id']}"
        )
        before = self.stock(MUG, colour="Oat")
        self.staff.post(f"{address}/approve/", {}, expect=200)
        restock = {"lines": [{"line": line["id"], "restock": True}]}
        self.staff.post(f"{address}/receive/", restock, expect=200)
        returned = self.customer.wait_for(
            f"{address}/",
            lambda found: found["status"] == "refunded",
            seconds=self.webhook_seconds,
            what="The refund of the return",
        )
        self.promise(
            returned["refund"]["amount"] == preview["expected_refund"], f"{returned['refund']['amount']} is refunded"
        )
        after = self.stock(MUG, colour="Oat")
        self.promise(after == before + 1, f"The mug is back in stock: {after}")

    def unpaid_order_is_cancelled(self) -> None:
        self.narrator.chapter(
            "An order is cancelled",
            "The PaymentIntent is cancelled at Stripe first; then the stock is released, exactly once.",
        )
        before = self.stock(CANDLE)
        order = self.order(CANDLE, quantity=3)
        held = self.stock(CANDLE)
        self.promise(held == before - 3, f"The order reserves three candles: stock {before} is now {held}")
        payment = self.customer.post("/payments/", {"order": order["number"]})
        cancelled = self.customer.post(
            f"/orders/{order['number']}/cancel/", {"reason": "Found one in the cupboard"}, expect=200
        )
        self.narrator.shown(timeline_lines(cancelled))
        self.promise(cancelled["status"] == "cancelled", "The order is cancelled")
        back = self.stock(CANDLE)
        self.promise(back == before, f"The candles are released: stock {back}")
        self.customer.post(f"/orders/{order['number']}/cancel/", {}, expect=409)
        self.promise(self.stock(CANDLE) == before, "Cancelling again is refused and releases nothing")
        status, answer = confirm_as_stripe_js(self.stripe_base, payment, card=GOOD_CARD, narrator=self.narrator)
        code = answer.get("error", {}).get("code")
        self.promise(status == 400, f"Its PaymentIntent can no longer be paid: {code}")

    def paid_order_is_refunded(self, order: dict[str, Any]) -> None:
        self.narrator.chapter(
            "A paid order is cancelled", "Until it has shipped, the payment is refunded and the stock released."
        )
        before = self.stock(CANDLE)
        self.customer.post(f"/orders/{order['number']}/cancel/", {"reason": "Changed my mind"}, expect=200)
        refunded = self.customer.wait_for(
            f"/orders/{order['number']}/",
            lambda found: found["payment_status"] == "refunded",
            seconds=self.webhook_seconds,
            what="The refund",
        )
        self.narrator.shown(timeline_lines(refunded))
        amounts = [Decimal(refund["amount"]) for refund in refunded["refunds"] if refund["status"] == "succeeded"]
        self.promise(
            refunded["status"] == "cancelled" and sum(amounts) == Decimal(refunded["total"]),
            f"It is fully refunded, once: {money(refunded)}",
        )
        back = self.stock(CANDLE)
        self.promise(back == before + 1, f"The candle is back in stock: {back}")
