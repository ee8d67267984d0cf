"""Purchases over HTTP, from a guest's first visit to a refund."""

import secrets
from decimal import Decimal
from typing import Any

from shop.dev.demo import terms
from shop.dev.demo.after_sales import AfterSales
from shop.dev.demo.lines import cart_lines, method_line, money, product_lines, timeline_lines, total_lines, variant_line
from shop.dev.demo.storefront import Storefront, confirm_as_stripe_js
from shop.dev.demo.visit import ADDRESS, CANDLE, DECLINED_CARD, GOOD_CARD, MUG, TEE

PRODUCTS = (MUG, TEE, CANDLE)


class Journey(AfterSales):
    """:meth:`run` raises :class:`PromiseBroken` at the first failed check."""

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
        self.promise(me["is_staff"], f"{me['email']} is staff")
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
        self.promise(parents_first, "Categories are one flat list, parents before their children")

        limit = self.variant(MUG, colour="Oat")["price"]
        found = guest.get(f"/products/?category=home-living&max_price={limit}&ordering=price")
        self.narrator.shown(product_lines(found))
        prices = [Decimal(product["price"]) for product in found["results"]]
        self.promise(
            bool(prices) and prices == sorted(prices) and prices[-1] <= Decimal(limit),
            f"{found['count']} products of the whole branch cost {limit} or less, cheapest first",
        )
        suggested = [each["slug"] for each in guest.get("/products/suggest/?q=harbour+st")]
        self.promise(MUG in suggested, "The mug is suggested while its name is typed")
        found = guest.get("/products/?search=stonewear+mug&ordering=relevance")
        self.narrator.shown(product_lines(found))
        first, corrected = [each["slug"] for each in found["results"][:3]], found["corrected_query"]
        self.promise(corrected == "stoneware mug", "The search corrects a typing error")
        self.promise(MUG in first, "The search finds the mug at the top")
        found = guest.get("/products/?attr_material=Organic+cotton&in_stock=true")
        self.promise(
            any(product["slug"] == TEE for product in found["results"]), "Attributes filter: organic cotton, in stock"
        )
        mug = guest.get(f"/products/{MUG}/")
        self.narrator.shown([mug["description"][:88] + "…", *(variant_line(each) for each in mug["variants"])])
        self.promise(
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
        guest.post("/cart/items/", {"variant": self.variant(CANDLE)["id"], "quantity": 1})
        order = guest.post("/orders/", {"email": self.email, "shipping_address": ADDRESS})
        address = f"/orders/{order['number']}/"
        self.promise(bool(order["token"]), f"Order {order['number']} of {order['email']} has a token")
        guest.cart_token = ""
        guest.get(address, expect=401)
        guest.order_token = order["token"][:-1]
        guest.get(address, expect=404)
        self.promise(True, "No token is 401, and a wrong one the 404 of a missing order")
        guest.order_token = order["token"]
        payment = guest.post("/payments/", {"order": order["number"]})
        self.pay(payment, card=GOOD_CARD)
        self.narrator.shown(timeline_lines(self.wait_until_paid(order, guest)))
        found = [
            guest.call("POST", "/orders/lookup/", body={"number": order["number"], "email": email}, expect=202).content
            for email in (order["email"], "someone@example.com")
        ]
        self.promise(
            found == [b"", b""], "A lost link is mailed to the order's own address only, and the replies are the same"
        )
        return order["number"]

    def guest_fills_a_cart(self) -> None:
        self.narrator.chapter(
            "The guest fills a cart",
            "The first change returns an X-Cart-Token, which the browser stores and sends from then on.",
        )
        guest = self.customer
        guest.post("/cart/items/", {"variant": self.variant(MUG, colour="Oat")["id"], "quantity": 2})
        self.promise(bool(guest.cart_token), "The cart has a token and no account")
        tee = self.variant(TEE, colour="Forest green", size="M")
        cart = guest.post("/cart/items/", {"variant": tee["id"], "quantity": 1})
        self.promise(len(cart["items"]) == 2, "Two lines are in the cart")
        refused = guest.post("/cart/items/", {"product": guest.get(f"/products/{TEE}/")["id"]}, expect=400)
        code = refused["errors"][0]["code"]
        self.promise(code == "variant_required", f"A T-shirt without a size is refused: {code}")
        cart = guest.call("PUT", "/cart/coupon/", body={"code": "fiveoff"}).json()
        self.narrator.shown(cart_lines(cart))
        self.promise(
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
        self.promise(
            len(cart["items"]) == 2 and cart["coupon"] == "FIVEOFF",
            "Both lines and the coupon are in Dana's own cart",
        )
        nobody = Storefront(self.customer.base_url, self.narrator)
        left = nobody.get("/cart/", headers={"X-Cart-Token": guest_token})
        self.promise(left["items"] == [], "The guest's token is no longer valid")

    def customer_claims(self, number: str) -> None:
        self.narrator.chapter(
            "The guest's order finds the account",
            "An account owns the guest orders of its address once it is verified.",
        )
        self.promise(self.customer.get("/orders/")["results"] == [], "Until then Dana sees no order")
        self.customer.call("POST", "/auth/email/verify/", expect=202)
        self.customer.call("POST", "/auth/email/verify/confirm/", body=self.read_mail(self.email), expect=204)
        listed = self.customer.wait_for(
            "/orders/", lambda found: found["count"], seconds=self.webhook_seconds, what="The claim of the order"
        )
        numbers = [order["number"] for order in listed["results"]]
        self.promise(numbers == [number], f"Now order {number} is hers")

    def customer_orders(self) -> dict[str, Any]:
        self.narrator.chapter(
            "Checkout", "A quote shows shipping and tax without writing anything. Placing the order reserves the stock."
        )
        for place in ({"country": "DE", "postal_code": "20359"}, {"country": "US", "state": "HI"}):
            quote = self.customer.post("/orders/quote/", {"shipping_address": place}, expect=200)
            self.narrator.shown(method_line(method) for method in quote["shipping_methods"])
            free = sum(Decimal(discount["shipping"]) for discount in quote["discounts"])
            self.promise(
                Decimal(quote["shipping"]) + free == Decimal(quote["shipping_methods"][0]["price"]),
                f"{' '.join(place.values())} alone is enough for the prices of shipping, of which {free} is free",
            )
        wanted = {"shipping_address": ADDRESS, "shipping_method": "express"}
        quote = self.customer.post("/orders/quote/", wanted, expect=200)
        self.narrator.shown(total_lines(quote))
        self.promise(_adds_up(quote), "The quote adds up to the cent")

        before = self.stock(MUG, colour="Oat")
        key = {"Idempotency-Key": secrets.token_hex(16)}
        body = {**wanted, "expected_total": quote["total"]}
        order = self.customer.post("/orders/", body, headers=key)
        self.narrator.shown([f"Order {order['number']}: {order['status']}, {order['payment_status']}"])
        self.promise(order["total"] == quote["total"], f"The order costs what was quoted: {money(order)}")
        again = self.customer.call("POST", "/orders/", body=body, headers=key, expect=201)
        self.promise(
            again.json()["number"] == order["number"] and again.headers.get("Idempotency-Replayed") == "true",
            "Repeating the request returns the same order",
        )
        after = self.stock(MUG, colour="Oat")
        self.promise(after == before - 2, f"Two mugs are reserved: stock {before} is now {after}")
        self.promise(self.customer.get("/cart/")["items"] == [], "The cart is empty")
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
        self.promise(
            same["payment_intent"] == payment["payment_intent"],
            "Opening the payment again returns the same PaymentIntent",
        )
        self.pay(payment, card=GOOD_CARD)
        paid = self.wait_until_paid(order)
        self.narrator.shown(timeline_lines(paid))
        refused = self.customer.post("/payments/", {"order": order["number"]}, expect=409)
        self.promise(refused["errors"][0]["code"] == "order_not_payable", "A paid order cannot be paid twice")

    def card_is_declined(self) -> dict[str, Any]:
        self.narrator.chapter(
            "A card is declined", "The order stays payable, its stock is held, and the customer can try another card."
        )
        order = self.order(CANDLE, quantity=1)
        payment = self.customer.post("/payments/", {"order": order["number"]})
        status, answer = confirm_as_stripe_js(self.stripe_base, payment, card=DECLINED_CARD, narrator=self.narrator)
        error = answer.get("error", {})
        self.narrator.shown([f"{error.get('code')}: {error.get('message')}"])
        self.promise(status == 402 and error.get("code") == "card_declined", "Stripe declines the card")
        failed = self.customer.wait_for(
            f"/orders/{order['number']}/",
            lambda found: found["payment_status"] == "failed",
            seconds=self.webhook_seconds,
            what="The webhook of the declined card",
        )
        self.promise(
            failed["status"] == "pending", "The order is still pending, its payment failed, and it can be tried again"
        )
        self.pay(payment, card=GOOD_CARD)
        paid = self.wait_until_paid(order)
        self.narrator.shown(timeline_lines(paid))
        return paid


def _adds_up(quote: dict[str, Any]) -> bool:
    amounts = {name: Decimal(quote[name]) for name in ("subtotal", "discount", "shipping", "tax", "total")}
    added = Decimal(0) if quote["prices_include_tax"] else amounts["tax"]
    return amounts["total"] == amounts["subtotal"] - amounts["discount"] + amounts["shipping"] + added
