import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from django.utils import timezone

from accounts.models import User
from accounts.tokens import issue_tokens
from cart.promotions import uses
from cart.promotions.models import Promotion, PromotionUse
from catalog import services as catalog
from catalog.models import Variant
from orders import expiry
from orders import services as orders
from orders.events import Actor, Event
from orders.invoices.models import NEGATIVE_KINDS, Invoice
from orders.models import Order
from payments.models import Refund, StripeEvent
from shop import audit
from shop.api.idempotency import IdempotencyRecord
from shop.changes.models import Change, PendingChanges
from shop.jobs import Job, PeriodicTask
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint

PRICE = "10.00"
PRICE_IN_CENTS = 1000


class Person(NamedTuple):
    """A guest has an e-mail address as id and no token."""

    id: str
    token: str


@dataclass(frozen=True)
class OrderRecord:
    """``paid`` counts how often it was marked paid; ``refunds`` in cents."""

    number: str
    buyer: str
    status: str
    payment_status: str
    pieces: dict[str, int]
    paid: int
    refunds: tuple[int, ...]


class State(Protocol):
    initial: dict[str, int]

    def make_product(self, stock: int) -> str: ...
    def set_stock_policy(self, product: str, policy: str, *, limit: int | None = None) -> None: ...
    def make_coupon(self, code: str, limit: int) -> None: ...
    def make_people(self, count: int) -> list[Person]: ...
    def make_staff(self) -> Person: ...
    def orders(self) -> list[OrderRecord]: ...
    def stock(self, product: str) -> int: ...
    def backordered(self, product: str) -> int: ...
    def coupon_uses(self, code: str) -> int: ...
    def events(self) -> int: ...
    def cancel_locally(self, number: str, *, expired: bool) -> None: ...
    def audit(self) -> list[str]: ...


class ShopState:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.initial: dict[str, int] = {}

    def make_product(self, stock: int) -> str:
        data = {"name": f"Thing {next(self._numbers)}", "price": PRICE, "stock": stock}
        product = str(catalog.create_product(data=data).pk)
        self.initial[product] = stock
        return product

    def set_stock_policy(self, product: str, policy: str, *, limit: int | None = None) -> None:
        data = {"stock_policy": policy, "backorder_limit": limit}
        catalog.update_variant(variant=Variant.objects.get(product=product), data=data)

    def make_coupon(self, code: str, limit: int) -> None:
        Promotion.objects.create(code=code, kind=Promotion.Kind.FIXED, value=Decimal(1), usage_limit=limit)

    def make_people(self, count: int) -> list[Person]:
        """Every third is a guest."""
        numbers = [next(self._numbers) for _ in range(count)]
        # Hashing passwords would take longer than the scenario.
        emails = [f"person{number}@torture.test" for number in numbers]
        registered = [email for place, email in enumerate(emails) if place % 3 != 2]
        users = [User(email=email, name="Person", password="!") for email in registered]  # noqa: S106
        tokens = {user.email: (str(user.pk), issue_tokens(user)["access"]) for user in User.objects.bulk_create(users)}
        return [Person(*tokens.get(email, (email, ""))) for email in emails]

    def make_staff(self) -> Person:
        email = f"staff{next(self._numbers)}@torture.test"
        user = User.objects.create(email=email, name="Staff", password="!", is_staff=True, is_superuser=True)  # noqa: S106
        return Person(str(user.pk), issue_tokens(user)["access"])

    def orders(self) -> list[OrderRecord]:
        products = {pk: str(product) for pk, product in Variant.objects.values_list("pk", "product")}
        return [
            OrderRecord(
                number=order.number,
                buyer=str(order.user_id or order.email),
                status=order.status,
                payment_status=order.payment_status,
                pieces=dict(Counter({products[line.variant]: line.quantity - line.restocked for line in order.lines})),
                paid=[entry.event for entry in order.timeline].count(Event.PAID),
                refunds=tuple(int(entry.amount * 100) for entry in order.refunds if entry.status == "succeeded"),
            )
            for order in Order.objects.iterator()
        ]

    def stock(self, product: str) -> int:
        return Variant.objects.get(product=product).stock

    def backordered(self, product: str) -> int:
        """Return the units that orders name on back-order."""
        lines = (line for order in Order.objects.iterator() for line in order.lines)
        return sum(line.backordered for line in lines if str(line.product) == product)

    def coupon_uses(self, code: str) -> int:
        return PromotionUse.objects.filter(promotion=Promotion.objects.get(code=code)).taken().count()

    def events(self) -> int:
        return StripeEvent.objects.count()

    def cancel_locally(self, number: str, *, expired: bool) -> None:
        """Leave the PaymentIntent open, as if its creation came later."""
        order = Order.objects.get(number=number)
        if expired:
            self.expire_hold(number)
            expiry._expire([order.pk])  # noqa: SLF001
        else:
            orders._cancel(order_id=order.pk, detail="", actor=Actor.CUSTOMER)  # noqa: SLF001

    def expire_hold(self, number: str) -> None:
        Order.objects.filter(number=number).update(expires_at=timezone.now() - timedelta(seconds=1))

    def expire_in(self, seconds: float) -> None:
        due_at = timezone.now() + timedelta(seconds=seconds)
        PeriodicTask.objects.update_or_create(name="orders.expire", defaults={"due_at": due_at})

    def unfinished(self) -> list[str]:
        jobs = [f"job {job}" for job in Job.objects.filter(given_up_at=None).iterator()]
        waiting = StripeEvent.objects.filter(status__in=(StripeEvent.Status.RECEIVED, StripeEvent.Status.FAILED))
        pending = [f"refund {refund.pk}" for refund in Refund.objects.filter(status=Refund.Status.PENDING)]
        holds = [f"hold of {order}" for order in Order.objects.due_to_expire()]
        pending += [f"changes {row}" for row in PendingChanges.objects.iterator()]
        endpoints = list(WebhookEndpoint.objects.filter(enabled=True).values_list("pk", flat=True))
        sent = WebhookDelivery.objects.filter(endpoint__in=endpoints, status__in=WebhookDelivery.OPEN)
        pending += [f"webhook {row}" for row in sent[:10]]
        return jobs + [f"event {event}: {event.detail}" for event in waiting] + pending + holds

    def send_waiting_mails(self) -> None:
        """Make mails due that wait for a payment."""
        Job.objects.filter(kind="orders.mail", attempts=0, given_up_at=None).update(run_at=timezone.now())

    def expire_leases(self) -> None:
        now = timezone.now()
        Job.objects.update(run_at=now)
        WebhookDelivery.objects.filter(status=WebhookDelivery.Status.PENDING).update(run_at=now)
        WebhookEndpoint.objects.update(paused_until=None, failures=0)
        IdempotencyRecord.objects.filter(status=None).update(claimed_until=now)
        StripeEvent.objects.exclude(retry_at=None).update(retry_at=now)
        PeriodicTask.objects.update(due_at=now)
        PromotionUse.objects.exclude(reserved_at=None).update(reserved_at=now - uses.RESERVED_FOR)

    def invoice_numbers(self) -> tuple[list[int], list[int]]:
        """Return the numbers of both series, in order."""
        rows = Invoice.objects.order_by("sequence").values_list("kind", "sequence")
        invoices = [number for kind, number in rows if kind not in NEGATIVE_KINDS]
        return invoices, [number for kind, number in rows if kind in NEGATIVE_KINDS]

    def variant_of(self, product: str) -> str:
        return str(Variant.objects.get(product=product).pk)

    def changes(self, *kinds: str) -> list[tuple[int, str, str]]:
        """Return sequence, type and object of all changes of these kinds."""
        rows = Change.objects.filter(kind__in=kinds).order_by("position")
        return list(rows.values_list("position", "type", "object_id"))

    def audit(self) -> list[str]:
        return audit.violations()
