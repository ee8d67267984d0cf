"""Every text field is classified, and a deleted account leaves only data with a reason to keep it."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField, EmbeddedModelArrayField, EmbeddedModelField
from django_mongodb_backend.models import EmbeddedModel
from rest_framework.test import APIClient

from accounts.models import Address, KnownNetwork, TokenFamily, User
from catalog.models import Product
from conftest import PASSWORD, client_of
from orders import detaching, search_words
from orders import services as orders
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment, Refund, StripeEvent
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import work
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import API, add_to_cart, dump_database, order_of, place_order
from shop.dev.testing.stripe_steps import deliver, open_payment, pay, post_event
from shop.dev.testing.tasks import run_task
from shop.jobs import timing

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "Canary"
EMAIL = "canary@example.com"
ERASED = "erased"
TEXTS = (models.CharField, models.TextField, models.JSONField, models.BinaryField, models.FileField)

# What happens to each field when the account is deleted. Every value except ERASED is a reason to keep it.
CLASSIFIED: dict[str, str] = {
    **dict.fromkeys(
        [
            "accounts.user.email",
            "accounts.user.new_email",
            "accounts.user.name",
            "accounts.user.phone",
            "accounts.user.avatar",
            "accounts.user.password",
            "accounts.tokenfamily.current",
            "accounts.secondfactor.secret",
            "accounts.secondfactor.recovery_codes",
            "accounts.knownnetwork.id",
            "accounts.customernote.text",
            "accounts.address.name",
            "accounts.address.company",
            "accounts.address.tax_id",
            "accounts.address.line1",
            "accounts.address.line2",
            "accounts.address.city",
            "accounts.address.state",
            "accounts.address.postal_code",
            "accounts.address.country",
            "accounts.address.phone",
            "cart.cart.coupon",
            "orders.order.email",
            *(
                f"orders.order.{address}.{name}"
                for address in ("shipping_address", "billing_address")
                for name in ("name", "company", "tax_id", "line1", "line2", "city", "postal_code", "phone")
            ),
            "orders.order.note",
            "orders.order.search_words",
            "orders.order.tracking_number",
            "orders.order.fulfilments.tracking_number",
            "orders.order.fulfilments.tracking_url",
            "orders.order.timeline.detail",
            "orders.order.timeline.reason",
            "orders.order.refunds.reason",
            "orders.order.returns.answer",
            "orders.order.returns.lines.reason",
            "orders.order.notes.text",
            "payments.payment.client_secret",
            "payments.payment.customer_session",
            "payments.stripecustomer.customer",
            "payments.refund.reason",
            # A request for a new password that waits.
            "shop.job.payload",
        ],
        ERASED,
    ),
    **dict.fromkeys(
        ["orders.review.title", "orders.review.body"],
        "published by the customer, and shown without a name; hidden reviews are deleted",
    ),
    **dict.fromkeys(
        [
            *("orders.order.shipping_address.country", "orders.order.shipping_address.state"),
            *("orders.order.billing_address.country", "orders.order.billing_address.state"),
        ],
        "tax: where the goods went",
    ),
    **dict.fromkeys(
        [f"orders.order.pickup_address.{name}" for name in Address.POSTAL_FIELDS],
        "the shop's own address",
    ),
    **dict.fromkeys(
        [
            "orders.order.number",
            "orders.order.status",
            "orders.order.payment_status",
            "orders.order.fulfilment_status",
            "orders.order.lines.sku",
            "orders.order.lines.name",
            "orders.order.lines.options",
            "orders.order.lines.image",
            "orders.order.currency",
            "orders.order.tax_lines.label",
            "orders.order.coupon",
            "orders.order.shipping_method",
            "orders.order.carrier",
            "orders.order.fulfilments.carrier",
            "orders.order.refunds.status",
            "orders.order.returns.status",
            *(
                f"orders.order.disputes.{name}"
                for name in ("dispute", "status", "reason", "currency", "fee_currency", "url")
            ),
            "orders.order.mails.event",
            "orders.order.mails.status",
            "orders.order.timeline.event",
            "orders.order.timeline.actor",
            "orders.order.discounts.code",
            "orders.order.discounts.label",
            "cart.promotionuse.order_number",
            "payments.payment.order_number",
            "payments.payment.idempotency_key",
            "payments.payment.intent",
            "payments.payment.status",
            "payments.payment.currency",
            "payments.payment.declined",
            "payments.payment.former_amounts",
            "payments.refund.currency",
            "payments.refund.status",
            "payments.refund.idempotency_key",
            "payments.refund.stripe_refund",
            "payments.refund.actor",
        ],
        "bookkeeping: what was sold and paid, and Stripe's ids; nothing that a person typed",
    ),
    **dict.fromkeys(
        [
            *(
                f"orders.invoice.{name}"
                for name in (
                    *("kind", "series", "number", "source", "order_number", "corrects", "country", "shipping_method"),
                    *("currency", "note"),
                    *(
                        f"{party}.{field}"
                        for party in ("seller", "buyer")
                        for field in ("name", "tax_id", "email", "registration", "contact")
                    ),
                    *("lines.sku", "lines.name", "lines.options", "tax_lines.label"),
                )
            ),
            "orders.invoicecounter.series",
            *("orders.invoice.buyer.lines", "orders.invoice.seller.lines", "orders.invoice.discounts"),
            *(f"orders.dailytotal.{name}" for name in ("dimension", "currency", "key", "label")),
            *(f"orders.order.{entry}.{field}" for entry in ("invoice", "credit_notes") for field in ("kind", "number")),
        ],
        "tax: invoices name the buyer and are kept unchanged for `INVOICE_YEARS`",
    ),
    **dict.fromkeys(
        [
            "payments.stripeevent.id",
            "payments.stripeevent.type",
            "payments.stripeevent.payload",
            "payments.stripeevent.status",
            "payments.stripeevent.detail",
        ],
        "an allow-list without personal data, deleted after 90 days",
    ),
    **dict.fromkeys(
        [
            "shop.idempotencyrecord.id",
            "shop.idempotencyrecord.fingerprint",
            "shop.idempotencyrecord.token",
            "shop.idempotencyrecord.reference",
            "shop.ratewindow.id",
        ],
        "digests and ids, deleted by MongoDB within two days",
    ),
    **dict.fromkeys(
        ["orders.order.placed_from", "payments.payment.opened_from"],
        "a keyed digest of the network address that limits apply to; cleared when it does not count any more, in a day",
    ),
    "orders.order.tags": "labels for sorting orders, the same for many",
    "cart.promotionuse.email_digest": "a keyed digest of the address that a limit counts by; cleared with the account",
    **dict.fromkeys(
        ["cart.cart.token_digest"],
        "the digest of a guest's token, who has no account; deleted after 30 days",
    ),
    **dict.fromkeys(
        [
            "shop.job.kind",
            "shop.job.digest",
            "shop.job.last_error",
            "shop.job.request_id",
            "shop.periodictask.name",
            "shop.periodictask.cursor",
        ],
        "names, ids, positions, digests, and errors without addresses",
    ),
    **dict.fromkeys(
        [
            *(f"shop.webhookdelivery.{name}" for name in ("type", "kind", "object_id", "parent", "subject", "status")),
            "shop.webhookdelivery.attempts.error",
            "shop.pendingchanges.entries",
            "shop.changecounter.name",
            "shop.change.kind",
            "shop.change.type",
            "shop.change.object_id",
            "shop.change.parent",
            "shop.staffaction.staff",
            "shop.staffaction.via",
            "shop.staffaction.action",
            "shop.staffaction.model",
            "shop.staffaction.object_id",
            "shop.staffaction.label",
            "shop.staffaction.fields",
            "shop.staffaction.request_id",
            "catalog.importrun.uploaded_by",
            "catalog.importrun.confirmed_by",
        ],
        "who of the staff did what: ids, order numbers and names of fields, never values",
    ),
    **dict.fromkeys(
        ["admin.logentry.object_id", "admin.logentry.object_repr", "admin.logentry.change_message"],
        "never written: the staff log takes its place",
    ),
    **dict.fromkeys(
        ["sessions.session.session_key", "sessions.session.session_data"],
        "the admin's: a key, the id of somebody of the staff and a digest, void without the account",
    ),
    **dict.fromkeys(
        [
            "auth.permission.name",
            "auth.permission.codename",
            "auth.group.name",
            "contenttypes.contenttype.app_label",
            "contenttypes.contenttype.model",
            "cart.promotion.code",
            "cart.promotion.kind",
            "cart.promotion.name",
            "cart.promotion.applies_to",
            "orders.shippingmethod.code",
            "orders.shippingmethod.name",
            "orders.shippingmethod.description",
            "orders.shippingmethod.pickup_line1",
            "orders.shippingmethod.pickup_line2",
            "orders.shippingmethod.pickup_postal_code",
            "orders.shippingmethod.pickup_city",
            "orders.shippingzone.name",
            "orders.shippingmethod.pickup_country",
            "orders.shippingmethod.pickup_state",
            "orders.taxrate.country",
            "orders.taxrate.tax_class",
            "orders.taxrate.label",
            "catalog.product.tax_class",
            "orders.taxrate.state",
            "catalog.importrun.filename",
            "catalog.importrun.digest",
            "catalog.importrun.encoding",
            "catalog.importrun.state",
            "catalog.importrun.problem",
            "catalog.importrun.faults",
            "catalog.importpart.data",
            "catalog.importstep.name",
            "catalog.importstep.changes",
            "catalog.importstep.variants",
            "catalog.importstep.conflict",
            "catalog.category.name",
            "catalog.category.slug",
            "catalog.category.path",
            "catalog.slugredirect.kind",
            "catalog.slugredirect.slug",
            "catalog.product.seo_title",
            "catalog.product.seo_description",
            "catalog.category.seo_title",
            "catalog.category.seo_description",
            "catalog.collection.seo_title",
            "catalog.collection.seo_description",
            "catalog.collection.name",
            "catalog.collection.slug",
            "catalog.collection.description",
            "catalog.collection.image",
            "catalog.product.name",
            "catalog.product.slug",
            "catalog.product.description",
            "catalog.product.brand",
            "catalog.product.brand_slug",
            "catalog.product.attributes",
            "catalog.variant.barcode",
            "catalog.variant.stock_policy",
            "catalog.product.option_order",
            "catalog.product.options",
            "catalog.product.combinations",
            "catalog.product.category_name",
            "catalog.product.category_slug",
            "catalog.product.sort_name",
            "catalog.searchword.word",
            "catalog.product.pictures",
            "catalog.variant.sku",
            "catalog.variant.sku_key",
            "catalog.variant.options",
            "catalog.variant.recorded_plan",
            "catalog.productimage.name",
            "catalog.productimage.alt",
            "catalog.stockmovement.reason",
            "catalog.stockmovement.note",
            "catalog.stockmovement.reference",
            "catalog.product.attribute_pairs",
            "catalog.product.option_pairs",
            "catalog.product.search_beginnings",
            "catalog.product.search_words",
            "catalog.product.tags",
            "catalog.searchword.keys",
            "cart.promotion.tags",
            "orders.shippingzone.countries",
            "orders.shippingzone.postal_codes",
            "orders.shippingzone.states",
            "catalog.bulkprogress.id",
            "catalog.bulkprogress.results",
        ],
        "the shop's own: catalog, stock and terms",
    ),
    **dict.fromkeys(
        [
            f"shop.webhookendpoint.{name}"
            for name in (
                *("url", "description", "types", "disabled_reason"),
                *("salt", "fingerprint", "former_salt", "former_fingerprint"),
            )
        ],
        "an integration of the shop, entered by staff",
    ),
    **dict.fromkeys(
        ["accounts.apikey.name", "accounts.apikey.prefix", "accounts.apikey.digest", "accounts.apikey.scopes"],
        "about an integration; the owner is forgotten",
    ),
}
# Erased, and of a form in which no canary can be planted: their values are searched for instead.
NO_CANARIES = {
    "accounts.user.password",
    "accounts.tokenfamily.current",
    "accounts.secondfactor.secret",
    "accounts.secondfactor.recovery_codes",
    "accounts.knownnetwork.id",
    "accounts.address.country",
    "payments.payment.client_secret",
    "payments.payment.customer_session",
    "payments.stripecustomer.customer",
}


def text_fields(model: type[models.Model], prefix: str = "") -> Iterator[str]:
    """Every field of a model that can hold text, those of embedded models included, by its path."""
    prefix = prefix or model._meta.label_lower
    for field in model._meta.concrete_fields:
        if isinstance(field, EmbeddedModelField | EmbeddedModelArrayField):
            inner = field if isinstance(field, EmbeddedModelField) else field.base_field
            yield from text_fields(inner.embedded_model, f"{prefix}.{field.name}")
        elif isinstance(field.base_field if isinstance(field, ArrayField) else field, TEXTS):
            yield f"{prefix}.{field.name}"


def stored_models() -> list[type[models.Model]]:
    return [each for each in apps.get_models(include_auto_created=True) if not issubclass(each, EmbeddedModel)]


def test_every_text_field_is_classified() -> None:
    fields = {field for model in stored_models() for field in text_fields(model)}
    assert fields == set(CLASSIFIED), "say in CLASSIFIED what becomes of it when an account is deleted"
    assert set(CLASSIFIED) >= NO_CANARIES


def paths_with(mark: str) -> set[str]:
    """Return where the mark is in the database: paths of fields, or names of collections without a model."""
    tables = {model._meta.db_table: model for model in stored_models()}
    found = set()
    for name, documents in dump_database().items():
        model = tables.get(name)
        names = {field.column: field.name for field in model._meta.concrete_fields} if model else {}
        for document in documents:
            for path in _paths(document, mark.lower()):
                first, *rest = path
                label = model._meta.label_lower if model else name
                found.add(_known(".".join([label, names.get(first, first), *rest])))
    return found


def _known(path: str) -> str:
    """Cut a path within a JSON field to the field."""
    while path not in CLASSIFIED and "." in path:
        path = path.rpartition(".")[0]
    return path


def _paths(value: Any, mark: str) -> Iterator[list[str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ([key, *rest] for rest in _paths(inner, mark))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, mark)
    elif mark in str(value).lower():
        yield []


ADDRESS = {
    "name": "Canary Name",
    "company": "Canary Company",
    "line1": "1 Canary Street",
    "line2": "Canary Floor",
    "city": "Canary City",
    "postal_code": "Canary 1",
    "country": "GB",
}


class Scene:
    """A customer with personal data in every place."""

    def __init__(self, client: APIClient, staff: User, simulator: StripeSimulator, make_product: Any) -> None:
        self.client, self.staff, self.simulator, self.make_product = client, client_of(staff), simulator, make_product
        self.browser = browser_of(staff)

    def order(self, *, paid: bool = True) -> str:
        address = {**ADDRESS, "phone": "+44 555 0199"}
        number = place_order(self.client, self.make_product(), note="Canary note", shipping_address=address)["number"]
        order = Order.objects.get(number=number)
        order.shipping_address = order.billing_address = self._marked(order)
        order.search_words = search_words.of(order)
        order.save()
        if paid:
            pay(self.client, self.simulator, number)
        return number

    @staticmethod
    def _marked(order: Order) -> Any:
        # No phone number has letters.
        address: Any = order.shipping_address
        address.phone = address.tax_id = "Canary 555"
        return address

    def payment(self, number: str) -> Payment:
        return Payment.objects.get(order_number=number)

    def refund(self, number: str, **body: str) -> None:
        url = f"{API}/payments/{self.payment(number).pk}/refunds/"
        assert self.staff.post(url, {"reason": "Canary reason", **body}).status_code == 201
        self.simulator_catches_up()

    def ship(self, number: str, status: str = "shipped") -> None:
        tracking = {"tracking_number": "Canary123", "tracking_url": "https://example.com/Canary123"}
        body = {"status": status, "carrier": "Post", **tracking}
        assert self.staff.post(f"{API}/orders/{number}/fulfil/", body).status_code == 200

    def reject_return(self, number: str) -> None:
        line = str(Order.objects.get(number=number).lines[0].variant)
        returns = f"{API}/orders/{number}/returns/"
        reply = self.client.post(returns, {"lines": [{"line": line, "quantity": 1, "reason": "Canary itches"}]})
        assert reply.status_code == 201
        url = f"{returns}{reply.json()['id']}/reject/"
        assert self.staff.post(url, {"answer": "Canary wore it"}).status_code == 200

    def simulator_catches_up(self) -> None:
        deliver(self.simulator)


@pytest.fixture
def person(make_user: Callable[..., User]) -> User:
    user = make_user(email=EMAIL, name="Canary Name")
    User.objects.filter(pk=user.pk).update(phone="Canary 555", avatar="avatars/canary.webp")
    return user


@pytest.fixture
def scene(person: User, staff: User, simulator: StripeSimulator, make_product: Callable[..., Product]) -> Scene:
    return Scene(client_of(person), staff, simulator, make_product)


def furnish(scene: Scene, person: User) -> dict[str, str]:
    """Create all kinds of data about the customer; return the order numbers."""
    client, numbers = scene.client, {}
    numbers["unpaid"] = scene.order(paid=False)
    open_payment(client, numbers["unpaid"])
    numbers["delivered"] = scene.order()
    scene.ship(numbers["delivered"])
    scene.ship(numbers["delivered"], "delivered")
    scene.reject_return(numbers["delivered"])
    numbers["cancelled"] = scene.order()
    cancel = client.post(f"{API}/orders/{numbers['cancelled']}/cancel/", {"reason": "Canary moved"})
    assert cancel.status_code == 200
    numbers["refunded"] = scene.order()
    scene.refund(numbers["refunded"])
    numbers["partly refunded"] = scene.order()
    scene.refund(numbers["partly refunded"], amount="1.00")
    numbers["to ship"] = scene.order()
    noted = Order.objects.get(number=numbers["refunded"])
    assert scene.browser.post(url_of("orders.order", "add_note", noted.pk), {"text": "Canary rang"}).status_code == 302
    numbers["flagged"] = scene.order()
    flagged = Order.objects.get(number=numbers["flagged"])
    orders.flag(order_id=flagged.pk, detail="Something does not match.")
    assert scene.browser.post(url_of("orders.order", "settle", flagged.pk), {"note": "Canary rang"}).status_code == 302
    numbers["shipped"] = scene.order()
    scene.ship(numbers["shipped"])
    numbers["shipped and refunded"] = scene.order()
    scene.ship(numbers["shipped and refunded"])
    scene.refund(numbers["shipped and refunded"])
    numbers["disputed"] = scene.order()
    scene.simulator.dispute(scene.payment(numbers["disputed"]).intent)
    scene.simulator_catches_up()
    furnish_account(scene, person)
    return numbers


def furnish_account(scene: Scene, person: User) -> None:
    client = scene.client
    address = {**ADDRESS, "state": "Canary State", "phone": "+44 555 0199"}
    assert client.post(f"{API}/users/me/addresses/", address).status_code == 201
    person.addresses.update(phone="Canary 555", tax_id="Canary 555")
    note = {"text": "Canary rang about a delivery"}
    assert scene.browser.post(url_of("accounts.user", "add_note", person.pk), note).status_code == 302
    add_to_cart(client, scene.make_product())
    shown, hidden = scene.make_product(), scene.make_product()
    for product, words, is_hidden in ((shown, "Fits well", False), (hidden, "Canary is my name", True)):
        Review.objects.create(user=person, product=product, rating=5, title=words, body=words, is_hidden=is_hidden)
    Product.objects.filter(pk=shown.pk).update(rating_count=1, rating_sum=5, rating_average=5)
    login = {"email": EMAIL, "password": PASSWORD}
    assert client_of().post(f"{API}/auth/login/", login).status_code == 200
    assert client_of().post(f"{API}/auth/login/", {**login, "password": "wrong"}).status_code == 401
    assert client_of().post(f"{API}/auth/password/reset/", {"email": EMAIL}).status_code == 202
    assert client.post(f"{API}/auth/email/verify/", {}).status_code == 202
    change = {"email": "canary.name@example.com", "password": PASSWORD}
    assert client.post(f"{API}/auth/email/change/", change).status_code == 202
    key = {"Idempotency-Key": "canary-key"}
    assert client.post(f"{API}/orders/", {"shipping_address": {**ADDRESS, "name": ""}}, headers=key).status_code == 400
    note = {"shipping_address": ADDRESS, "note": "Canary note"}
    assert client.post(f"{API}/orders/", note, headers=key).status_code == 201
    person.carts.update(coupon="CANARY")
    add_to_cart(client, scene.make_product())
    form = url_of("accounts.user", "change", person.pk)
    assert scene.browser.get(form).status_code == 200
    event = scene.simulator.make_event("customer.updated", {"id": "cus_1", "object": "customer", "email": EMAIL})
    assert post_event(event).status_code == 200


def leave(client: APIClient) -> None:
    reply = client.delete(f"{API}/users/me/")
    assert reply.status_code == 204, reply.content


def let_the_period_pass() -> None:
    ago = timezone.now() - timedelta(days=settings.ERASURE_GRACE_DAYS, seconds=1)
    Order.objects.exclude(detached_at=None).update(detached_at=ago)


def orders_with(mark: str) -> set[str]:
    rows = connection.database["orders_order"].find()
    return {row["number"] for row in rows if mark.lower() in json.dumps(row, default=str).lower()}


def test_after_an_account_is_deleted_nothing_personal_is_left_but_what_has_a_reason(
    scene: Scene, person: User, as_stranger: APIClient, settings: Any
) -> None:
    settings.RATE_LIMITS = True
    numbers = furnish(scene, person)
    theirs = place_order(as_stranger, scene.make_product(), note="For Eve")
    # There is some of it everywhere.
    erased = {field for field, fate in CLASSIFIED.items() if fate == ERASED}
    hidden_review = {"orders.review.title", "orders.review.body"}
    assert paths_with(CANARY) == erased - NO_CANARIES | hidden_review
    networks = set(KnownNetwork.objects.filter(user=person).values_list("pk", flat=True))
    families = set(TokenFamily.objects.filter(user=person).values_list("current", flat=True))
    assert networks
    assert families

    leave(scene.client)

    # Only orders that may still be sent, or are disputed, keep what they need.
    open_orders = {numbers[name] for name in ("partly refunded", "to ship", "flagged", "shipped", "disputed")}
    assert orders_with(CANARY) == open_orders
    elsewhere = {path for path in paths_with(CANARY) if not path.startswith("orders.order.")}
    # The picture's file is deleted by a job.
    assert elsewhere == {"payments.refund.reason", "shop.job.payload"}
    assert not paths_with(EMAIL)
    work()
    assert {path for path in paths_with(CANARY) if not path.startswith("orders.order.")} == {"payments.refund.reason"}
    assert set(Refund.objects.exclude(reason="").filter(actor="staff").values_list("payment__order_number")) == {
        (numbers["partly refunded"],)
    }
    for value in {person.password, *networks, *families}:
        assert not paths_with(value)

    # A parcel that has arrived needs no address any more.
    scene.ship(numbers["shipped"], "delivered")
    assert orders_with(CANARY) == open_orders - {numbers["shipped"]}
    # Text that is entered later is erased, too.
    scene.refund(numbers["shipped"], amount="1.00")
    assert orders_with(CANARY) == open_orders - {numbers["shipped"]}
    assert not audit.violations()

    let_the_period_pass()
    assert detaching.erase_detached_orders() == 4
    assert paths_with(CANARY) == set()
    secrets = set(Payment.objects.exclude(order_number=theirs["number"]).values_list("client_secret", flat=True))
    assert secrets == {""}
    to_refund = order_of(scene.staff, numbers["to ship"])
    assert to_refund["timeline"][-1]["event"] == "flagged"
    assert detaching.erase_detached_orders() == 0
    assert not audit.violations()

    # Data with a reason is kept, and so is all data of others.
    kept = order_of(scene.staff, numbers["delivered"])
    assert (kept["total"], kept["payment_status"], kept["carrier"]) == ("10.00", "paid", "Post")
    assert {name: value for name, value in kept["shipping_address"].items() if value} == {"country": "GB"}
    assert [each["body"] for each in Review.objects.values("user", "body")] == ["Fits well"]
    assert order_of(as_stranger, theirs["number"]) == theirs
    assert StripeEvent.objects.filter(status="failed").count() == 0


def test_a_reason_typed_after_the_erasure_is_not_kept(scene: Scene, person: User) -> None:
    number = scene.order()
    leave(scene.client)
    scene.ship(number)
    scene.ship(number, "delivered")
    assert not orders_with(CANARY)
    scene.refund(number, amount="2.00")
    work()
    assert not paths_with(CANARY)
    orders.flag(order_id=Order.objects.get().pk, detail="Look")
    settle = url_of("orders.order", "settle", Order.objects.get().pk)
    assert scene.browser.post(settle, {"note": "Canary rang"}).status_code == 302
    assert not paths_with(CANARY)
    assert not audit.violations()


def test_the_audit_finds_what_is_kept_too_long(scene: Scene, person: User) -> None:
    number = scene.order()
    leave(scene.client)
    assert not audit.violations()
    long_ago = timezone.now() - timedelta(days=settings.ERASURE_GRACE_DAYS + 2)
    Order.objects.update(detached_at=long_ago)
    (violation,) = audit.violations()
    assert f"{number} still has the data of an account deleted" in violation
    detaching.erase_detached_orders()
    assert not audit.violations()
    Order.objects.update(note="Canary")
    (violation,) = audit.violations()
    assert f"{number} was erased, but has note" in violation
    Order.objects.update(note="")
    Review.objects.create(user_id=ObjectId(), product=scene.make_product(), rating=5, is_hidden=True)
    assert any("no data belongs to a deleted account" in line for line in audit.violations())


def test_one_order_that_cannot_be_erased_does_not_hold_up_the_others(scene: Scene, person: User) -> None:
    for _ in range(3):
        scene.order()
    leave(scene.client)
    let_the_period_pass()
    assert detaching.erase_detached_orders(limit=1) == 1
    with failing("update", Order, errorCode=8000):
        assert detaching.erase_detached_orders(limit=2) == 1
    assert len(orders_with(CANARY)) == 1
    assert detaching.erase_detached_orders(limit=2) == 1
    assert not orders_with(CANARY)


def test_many_orders_are_erased_in_slices(scene: Scene, person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        scene.order()
    leave(scene.client)
    let_the_period_pass()
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    # The last slice finds none.
    assert run_task("orders.erase_detached") == 4
    assert not orders_with(CANARY)


def test_a_run_that_is_killed_is_completed_by_the_next(scene: Scene, person: User) -> None:
    numbers = {scene.order() for _ in range(4)}
    leave(scene.client)
    let_the_period_pass()
    code = "import django; django.setup(); from orders import detaching; detaching.erase_detached_orders()"
    environment = {**os.environ, "MONGO_URI": database_uri(), "CRASH_AT": "orders.erase:before_commit@3", "DEBUG": "1"}
    environment["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    killed = subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = orders_with(CANARY)
    assert len(left) == 2
    assert left < numbers
    # Nothing is half done.
    assert set(Order.objects.exclude(erased_at=None).values_list("number", flat=True)) == numbers - left
    assert detaching.erase_detached_orders() == 2
    assert not orders_with(CANARY)
    assert not audit.violations()


def test_the_orders_of_accounts_that_were_deleted_before_are_erased_too(scene: Scene, person: User) -> None:
    migration = importlib.import_module("orders.migrations.0004_detach_orders_of_deleted_accounts")
    number = scene.order()
    # As it was left by the version before.
    scene.refund(number)
    Order.objects.update(user=None)
    assert detaching.erase_detached_orders() == 0
    migration.detach(apps)
    migration.detach(apps)
    assert detaching.erase_detached_orders() == 1
    assert "orders.order.note" not in paths_with(CANARY)
    assert orders_with(CANARY) == set()
