"""Purchases over HTTP, from a guest's first visit to a refund."""

import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from shop.dev.demo import terms
from shop.dev.demo.narration import Narrator
from shop.dev.demo.storefront import PromiseBroken, Storefront, confirm_as_stripe_js

MUG, TEE, CANDLE = "harbour-stoneware-mug", "everyday-organic-tee", "cedar-smoke-candle"
PRODUCTS = (MUG, TEE, CANDLE)

_GOOD_CARD, _DECLINED_CARD = "pm_card_visa", "pm_card_chargeDeclined"
_ADDRESS = {
    "name": "Dana Demo",
    "line1": "Hafenstraße 7",
    "city": "Hamburg",
    "postal_code": "20359",
    "country": "DE",
}


ReadMail = Callable[[str], dict[str, str]]


class Journey:
    """:meth:`run` raises :class:`PromiseBroken` at the first failed check.

    ``base_url`` must serve the demo's data, ``stripe_base`` deliver webhooks within ``webhook_seconds``. ``read_mail``
    returns the parameters of the link that verifies an address.
    """

    def __init__(
        self,
        base_url: str,
        stripe_base: str,
        narrator: Narrator | None = None,
        *,
        read_mail: ReadMail,
        webhook_seconds: float = 20,
    ) -> None:
        self.read_mail = read_mail
        self.email = f"demo-{secrets.token_hex(6)}@example.com"
        self.narrator = narrator or Narrator()
        self.stripe_base = stripe_base
        self.webhook_seconds = webhook_seconds
        self.customer = Storefront(base_url, self.narrator)
        self.staff = Storefront(base_url, self.narrator)

    def run(self) -> None:
        self.staff_prepares()
        self.guest_looks_around()
        bought = self.guest_buys()
        self.guest_fills_a_cart()
        self.guest_becomes_a_customer()
        self.customer_claims(bought)
        order = self.customer_orders()
        self.customer_pays(order)
        self.order_is_shipped(order)
        self.mug_is_returned(order)
        second = self.card_is_declined()
        self.unpaid_order_is_cancelled()
        self.paid_order_is_refunded(second)

    def staff_prepares(self) -> None:
        self.narrator.chapter("Staff log in", "Only staff see the stock of each variant. Low stock is replenished.")
        credentials = {name: terms.STAFF[name] for name in ("email", "password")}
        self.staff.access = self.staff.post("/auth/login/", credentials, expect=200)["access"]
        me = self.staff.get("/users/me/")
        self._promise(me["is_staff"], f"{me['email']} is staff")
        for slug in PRODUCTS:
            product = self.staff.get(f"/products/{slug}/")
            for variant in product["variants"]:
                if variant["stock"] < 10:
                    change = {"delta": 20, "reason": "Delivery from the workshop"}
                    self.staff.post(f"/variants/{variant['id']}/stock/", change, expect=200)
            pieces = sum(variant["stock"] for variant in product["variants"])
            self.narrator.shown([f"{product['name']}: {pieces} in stock"])

    def guest_looks_around(self) -> None:
        self.narrator.chapter("A guest browses", "The catalog is public: no account, no token.")
        guest = self.customer
        categories = guest.get("/categories/")
        self.narrator.shown(
            f"{'  ' * category['path'].count('/')}{category['name']} ({category['product_count']})"
            for category in categories
            if category["product_count"]
        )
        places = [category["path"] for category in categories]
        parents_first = all(
            "/" not in path or path.rpartition("/")[0] in places[:number] for number, path in enumerate(places)
        )
        self._promise(parents_first, "Categories are one flat list, parents before their children")

        limit = self._variant(MUG, colour="Oat")["price"]
        found = guest.get(f"/products/?category=home-living&max_price={limit}&ordering=price")
        self.narrator.shown(_product_lines(found))
        prices = [Decimal(product["price"]) for product in found["results"]]
        self._promise(
            bool(prices) and prices == sorted(prices) and prices[-1] <= Decimal(limit),
            f"{found['count']} products of the whole branch cost {limit} or less, cheapest first",
        )
        suggested = [each["slug"] for each in guest.get("/products/suggest/?q=harbour+st")]
        self._promise(MUG in suggested, "The mug is suggested while its name is typed")
        found = guest.get("/products/?search=stonewear+mug&ordering=relevance")
        self.narrator.shown(_product_lines(found))
        first, corrected = [each["slug"] for each in found["results"][:3]], found["corrected_query"]
        self._promise(corrected == "stoneware mug", "The search corrects a typing error")
        self._promise(MUG in first, "The search finds the mug at the top")
        found = guest.get("/products/?attr_material=Organic+cotton&in_stock=true")
        self._promise(
            any(product["slug"] == TEE for product in found["results"]), "Attributes filter: organic cotton, in stock"
        )
        mug = guest.get(f"/products/{MUG}/")
        self.narrator.shown([mug["description"][:88] + "…", *(_variant_line(each) for each in mug["variants"])])
        self._promise(
            bool(mug["images"]) and all("stock" not in each for each in mug["variants"]),
            f"The detail has {len(mug['images'])} images and does not reveal the stock",
        )

    def guest_buys(self) -> str:
        self.narrator.chapter(
            "A guest buys a candle",
            "The cart's token and an e-mail address replace the account. The order's own token, which the links in its "
            "mails contain, stands for the account afterwards.",
        )
        guest = Storefront(self.customer.base_url, self.narrator)
        guest.post("/cart/items/", {"variant": self._variant(CANDLE)["id"], "quantity": 1})
        order = guest.post("/orders/", {"email": self.email, "shipping_address": _ADDRESS})
        address = f"/orders/{order['number']}/"
        self._promise(bool(order["token"]), f"Order {order['number']} of {order['email']} has a token")
        guest.cart_token = ""
        guest.get(address, expect=401)
        guest.order_token = order["token"][:-1]
        guest.get(address, expect=404)
        self._promise(True, "No token is 401, and a wrong one the 404 of a missing order")
        guest.order_token = order["token"]
        payment = guest.post("/payments/", {"order": order["number"]})
        self._pay(payment, card=_GOOD_CARD)
        self.narrator.shown(_timeline_lines(self._wait_until_paid(order, guest)))
        found = [
            guest.call("POST", "/orders/lookup/", body={"number": order["number"], "email": email}, expect=202).content
            for email in (order["email"], "someone@example.com")
        ]
        self._promise(
            found == [b"", b""], "A lost link is mailed to the order's own address only, and the replies are the same"
        )
        return order["number"]

    def guest_fills_a_cart(self) -> None:
        self.narrator.chapter(
            "The guest fills a cart",
            "The first change returns an X-Cart-Token, which the browser stores and sends from then on.",
        )
        guest = self.customer
        guest.post("/cart/items/", {"variant": self._variant(MUG, colour="Oat")["id"], "quantity": 2})
        self._promise(bool(guest.cart_token), "The cart has a token and no account")
        tee = self._variant(TEE, colour="Forest green", size="M")
        cart = guest.post("/cart/items/", {"variant": tee["id"], "quantity": 1})
        self._promise(len(cart["items"]) == 2, "Two lines are in the cart")
        refused = guest.post("/cart/items/", {"product": guest.get(f"/products/{TEE}/")["id"]}, expect=400)
        code = refused["errors"][0]["code"]
        self._promise(code == "variant_required", f"A T-shirt without a size is refused: {code}")
        cart = guest.call("PUT", "/cart/coupon/", body={"code": "fiveoff"}).json()
        self.narrator.shown(_cart_lines(cart))
        self._promise(
            Decimal(cart["discount"]) > 0
            and Decimal(cart["total"]) == Decimal(cart["subtotal"]) - Decimal(cart["discount"]),
            f"FIVEOFF takes {cart['discount']} off",
        )

    def guest_becomes_a_customer(self) -> None:
        self.narrator.chapter(
            "The guest registers",
            "Registering with the cart's token moves the cart to the account and invalidates the token.",
        )
        guest_token = self.customer.cart_token
        reply = self.customer.post(
            "/auth/register/", {"email": self.email, "password": f"Demo-{secrets.token_hex(8)}", "name": "Dana Demo"}
        )
        self.customer.access, self.customer.cart_token = reply["access"], ""
        self.narrator.shown([f"{reply['user']['name']}, {reply['user']['email']}"])
        cart = self.customer.get("/cart/")
        self._promise(
            len(cart["items"]) == 2 and cart["coupon"] == "FIVEOFF",
            "Both lines and the coupon are in Dana's own cart",
        )
        nobody = Storefront(self.customer.base_url, self.narrator)
        left = nobody.get("/cart/", headers={"X-Cart-Token": guest_token})
        self._promise(left["items"] == [], "The guest's token is no longer valid")

    def customer_claims(self, number: str) -> None:
        self.narrator.chapter(
            "The guest's order finds the account",
            "An account owns the guest orders of its address once it is verified.",
        )
        self._promise(self.customer.get("/orders/")["results"] == [], "Until then Dana sees no order")
        self.customer.call("POST", "/auth/email/verify/", expect=202)
        self.customer.call("POST", "/auth/email/verify/confirm/", body=self.read_mail(self.email), expect=204)
        listed = self.customer.wait_for(
            "/orders/", lambda found: found["count"], seconds=self.webhook_seconds, what="The claim of the order"
        )
        numbers = [order["number"] for order in listed["results"]]
        self._promise(numbers == [number], f"Now order {number} is hers")

    def customer_orders(self) -> dict[str, Any]:
        self.narrator.chapter(
            "Checkout", "A quote shows shipping and tax without writing anything. Placing the order reserves the stock."
        )
        for place in ({"country": "DE", "postal_code": "20359"}, {"country": "US", "state": "HI"}):
            quote = self.customer.post("/orders/quote/", {"shipping_address": place}, expect=200)
            self.narrator.shown(_method_line(method) for method in quote["shipping_methods"])
            free = sum(Decimal(discount["shipping"]) for discount in quote["discounts"])
            self._promise(
                Decimal(quote["shipping"]) + free == Decimal(quote["shipping_methods"][0]["price"]),
                f"{' '.join(place.values())} alone is enough for the prices of shipping, of which {free} is free",
            )
        wanted = {"shipping_address": _ADDRESS, "shipping_method": "express"}
        quote = self.customer.post("/orders/quote/", wanted, expect=200)
        self.narrator.shown(_total_lines(quote))
        self._promise(_adds_up(quote), "The quote adds up to the cent")

        before = self._stock(MUG, colour="Oat")
        key = {"Idempotency-Key": secrets.token_hex(16)}
        body = {**wanted, "expected_total": quote["total"]}
        order = self.customer.post("/orders/", body, headers=key)
        self.narrator.shown([f"Order {order['number']}: {order['status']}, {order['payment_status']}"])
        self._promise(order["total"] == quote["total"], f"The order costs what was quoted: {_money(order)}")
        again = self.customer.call("POST", "/orders/", body=body, headers=key, expect=201)
        self._promise(
            again.json()["number"] == order["number"] and again.headers.get("Idempotency-Replayed") == "true",
            "Repeating the request returns the same order",
        )
        after = self._stock(MUG, colour="Oat")
        self._promise(after == before - 2, f"Two mugs are reserved: stock {before} is now {after}")
        self._promise(self.customer.get("/cart/")["items"] == [], "The cart is empty")
        return order

    def customer_pays(self, order: dict[str, Any]) -> None:
        self.narrator.chapter(
            "Paying by card",
            "The shop creates a PaymentIntent; the browser confirms it at Stripe with the publishable key. The shop "
            "learns of the payment from Stripe's signed webhook, never from the browser.",
        )
        payment = self.customer.post("/payments/", {"order": order["number"]})
        self.narrator.shown(
            [f"{payment['payment_intent']}: {payment['amount']} {payment['currency']}, {payment['status']}"]
        )
        same = self.customer.post("/payments/", {"order": order["number"]}, expect=200)
        self._promise(
            same["payment_intent"] == payment["payment_intent"],
            "Opening the payment again returns the same PaymentIntent",
        )
        self._pay(payment, card=_GOOD_CARD)
        paid = self._wait_until_paid(order)
        self.narrator.shown(_timeline_lines(paid))
        refused = self.customer.post("/payments/", {"order": order["number"]}, expect=409)
        self._promise(refused["errors"][0]["code"] == "order_not_payable", "A paid order cannot be paid twice")

    def order_is_shipped(self, order: dict[str, Any]) -> None:
        self.narrator.chapter(
            "The order leaves in two parcels", "Staff ship units of single lines. Each parcel has its tracking link."
        )
        number = order["number"]
        line = next(line for line in order["lines"] if line["quantity"] == 2)
        one_mug = {"lines": [{"line": line["id"], "quantity": 1}], "carrier": "DHL", "tracking_number": "JD0140001"}
        self.staff.post(f"/orders/{number}/fulfilments/", one_mug)
        shown = self.customer.get(f"/orders/{number}/")
        self._promise(
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
        self._promise(
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
        before = self._stock(MUG, colour="Oat")
        self.staff.post(f"{address}/approve/", {}, expect=200)
        restock = {"lines": [{"line": line["id"], "restock": True}]}
        self.staff.post(f"{address}/receive/", restock, expect=200)
        returned = self.customer.wait_for(
            f"{address}/",
            lambda found: found["status"] == "refunded",
            seconds=self.webhook_seconds,
            what="The refund of the return",
        )
        self._promise(
            returned["refund"]["amount"] == preview["expected_refund"], f"{returned['refund']['amount']} is refunded"
        )
        after = self._stock(MUG, colour="Oat")
        self._promise(after == before + 1, f"The mug is back in stock: {after}")

    def card_is_declined(self) -> dict[str, Any]:
        self.narrator.chapter(
            "A card is declined", "The order stays payable, its stock is held, and the customer can try another card."
        )
        order = self._order(CANDLE, quantity=1)
        payment = self.customer.post("/payments/", {"order": order["number"]})
        status, answer = confirm_as_stripe_js(self.stripe_base, payment, card=_DECLINED_CARD, narrator=self.narrator)
        error = answer.get("error", {})
        self.narrator.shown([f"{error.get('code')}: {error.get('message')}"])
        self._promise(status == 402 and error.get("code") == "card_declined", "Stripe declines the card")
        failed = self.customer.wait_for(
            f"/orders/{order['number']}/",
            lambda found: found["payment_status"] == "failed",
            seconds=self.webhook_seconds,
            what="The webhook of the declined card",
        )
        self._promise(
            failed["status"] == "pending", "The order is still pending, its payment failed, and it can be tried again"
        )
        self._pay(payment, card=_GOOD_CARD)
        paid = self._wait_until_paid(order)
        self.narrator.shown(_timeline_lines(paid))
        return paid

    def unpaid_order_is_cancelled(self) -> None:
        self.narrator.chapter(
            "An order is cancelled",
            "The PaymentIntent is cancelled at Stripe first; then the stock is released, exactly once.",
        )
        before = self._stock(CANDLE)
        order = self._order(CANDLE, quantity=3)
        held = self._stock(CANDLE)
        self._promise(held == before - 3, f"The order reserves three candles: stock {before} is now {held}")
        payment = self.customer.post("/payments/", {"order": order["number"]})
        cancelled = self.customer.post(
            f"/orders/{order['number']}/cancel/", {"reason": "Found one in the cupboard"}, expect=200
        )
        self.narrator.shown(_timeline_lines(cancelled))
        self._promise(cancelled["status"] == "cancelled", "The order is cancelled")
        back = self._stock(CANDLE)
        self._promise(back == before, f"The candles are released: stock {back}")
        self.customer.post(f"/orders/{order['number']}/cancel/", {}, expect=409)
        self._promise(self._stock(CANDLE) == before, "Cancelling again is refused and releases nothing")
        status, answer = confirm_as_stripe_js(self.stripe_base, payment, card=_GOOD_CARD, narrator=self.narrator)
        code = answer.get("error", {}).get("code")
        self._promise(status == 400, f"Its PaymentIntent can no longer be paid: {code}")

    def paid_order_is_refunded(self, order: dict[str, Any]) -> None:
        self.narrator.chapter(
            "A paid order is cancelled", "Until it has shipped, the payment is refunded and the stock released."
        )
        before = self._stock(CANDLE)
        self.customer.post(f"/orders/{order['number']}/cancel/", {"reason": "Changed my mind"}, expect=200)
        refunded = self.customer.wait_for(
            f"/orders/{order['number']}/",
            lambda found: found["payment_status"] == "refunded",
            seconds=self.webhook_seconds,
            what="The refund",
        )
        self.narrator.shown(_timeline_lines(refunded))
        amounts = [Decimal(refund["amount"]) for refund in refunded["refunds"] if refund["status"] == "succeeded"]
        self._promise(
            refunded["status"] == "cancelled" and sum(amounts) == Decimal(refunded["total"]),
            f"It is fully refunded, once: {_money(refunded)}",
        )
        back = self._stock(CANDLE)
        self._promise(back == before + 1, f"The candle is back in stock: {back}")

    def _promise(self, kept: bool, promise: str) -> None:
        if not kept:
            raise PromiseBroken(f"Failed expectation: {promise}.")
        self.narrator.held(promise)

    def _variant(self, slug: str, *, quietly: bool = True, **options: str) -> dict[str, Any]:
        product = self.staff.get(f"/products/{slug}/", quietly=quietly)
        for variant in product["variants"]:
            if variant["options"] == options:
                return variant
        raise PromiseBroken(f"{product['name']} has no variant {options}; `manage.py seed` makes the demo's products.")

    def _stock(self, slug: str, **options: str) -> int:
        variant = self._variant(slug, quietly=False, **options)
        self.narrator.shown([f"{variant['sku']}: {variant['stock']} in stock, staff see"])
        return variant["stock"]

    def _order(self, slug: str, *, quantity: int) -> dict[str, Any]:
        self.customer.post("/cart/items/", {"variant": self._variant(slug)["id"], "quantity": quantity})
        order = self.customer.post("/orders/", {"shipping_address": _ADDRESS})
        self.narrator.shown([f"Order {order['number']}: {_money(order)}, {order['status']}, {order['payment_status']}"])
        return order

    def _pay(self, payment: dict[str, Any], *, card: str) -> None:
        status, intent = confirm_as_stripe_js(self.stripe_base, payment, card=card, narrator=self.narrator)
        self._promise(
            status == 200 and intent.get("status") == "succeeded", f"Stripe accepts the card ({card}): succeeded"
        )

    def _wait_until_paid(self, order: dict[str, Any], buyer: Storefront | None = None) -> dict[str, Any]:
        paid = (buyer or self.customer).wait_for(
            f"/orders/{order['number']}/",
            lambda found: found["payment_status"] == "paid",
            seconds=self.webhook_seconds,
            what="The webhook that completes the order",
        )
        self._promise(
            paid["status"] == "completed", f"The webhook has arrived: order {paid['number']} is completed and paid"
        )
        return paid


def _adds_up(quote: dict[str, Any]) -> bool:
    amounts = {name: Decimal(quote[name]) for name in ("subtotal", "discount", "shipping", "tax", "total")}
    added = Decimal(0) if quote["prices_include_tax"] else amounts["tax"]
    return amounts["total"] == amounts["subtotal"] - amounts["discount"] + amounts["shipping"] + added


def _money(order: dict[str, Any]) -> str:
    return f"{order['total']} {order['currency'].upper()}"


def _product_lines(found: dict[str, Any]) -> list[str]:
    return [f"{product['price']:>8}  {product['name']}" for product in found["results"][:5]]


def _variant_line(variant: dict[str, Any]) -> str:
    options = ", ".join(variant["options"].values())
    return (
        f"{variant['sku']:<22} {options:<16} {variant['price']:>7}  {'in stock' if variant['in_stock'] else 'sold out'}"
    )


def _cart_lines(cart: dict[str, Any]) -> list[str]:
    lines = [f"{item['quantity']} x {item['product']['name']:<28} {item['line_total']:>8}" for item in cart["items"]]
    lines += [f"{each['label']:<32} -{each['amount']:>7}" for each in cart["discounts"] if Decimal(each["amount"])]
    return [*lines, f"total {cart['total']}"]


def _method_line(method: dict[str, Any]) -> str:
    return f"{method['code']:<15} {method['price']:>6}  {method['description']}"


def _total_lines(quote: dict[str, Any]) -> list[str]:
    amounts = [(name, quote[name]) for name in ("subtotal", "discount", "shipping")]
    amounts += [(f"{line['label']} {line['rate']}%", line["amount"]) for line in quote["tax_lines"]]
    return [f"{name:<10} {amount:>8}" for name, amount in (*amounts, ("total", quote["total"]))]


def _timeline_lines(order: dict[str, Any]) -> list[str]:
    return [f"{entry['at'][11:19]}  {entry['event']:<16} by {entry['actor']}" for entry in order["timeline"]]
