from datetime import timedelta
from decimal import Decimal
from functools import partial

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from orders.events import Actor, Event
from orders.fulfilments.models import FulfilledLine, Fulfilment
from orders.mails import CUSTOMER_MAILS, STAFF_MAILS, context_of, parcel_context, return_context
from orders.models import Order, OrderLine, PostalAddress, TimelineEntry
from orders.returns.models import OrderReturn, ReturnedLine
from orders.statuses import FulfilmentStatus
from shop import money
from shop.jobs import mail_samples, mails
from shop.jobs.mails import Mail

_NAME = "Ada Lovelace"


def register() -> None:
    for event, mail in CUSTOMER_MAILS.items():
        mail_samples.register(f"orders/mails/{mail.template}", partial(_customer_mail, Event(event)))
    for event, staff_mail in STAFF_MAILS.items():
        mail_samples.register(f"orders/mails/{staff_mail.template}", partial(_staff_mail, Event(event)))
    mail_samples.register("orders/mails/link", _link_mail)


def _order() -> Order:
    """Return an unsaved order of two lines, one of them shipped, of which a unit is returned."""
    now = timezone.now()
    lines = [_line("Mug", {"colour": "blue"}, 2, Decimal("12.50")), _line("Teapot", {}, 1, Decimal("39.00"))]
    subtotal = sum((line.line_total for line in lines), money.ZERO)
    return Order(
        number="7KQ2M-X94TB",
        lines=lines,
        subtotal=subtotal,
        discount=money.ZERO,
        shipping=Decimal("4.90"),
        tax=money.ZERO,
        total=subtotal + Decimal("4.90"),
        currency=settings.CURRENCY,
        shipping_address=PostalAddress(
            name=_NAME, line1="12 St James's Square", city="London", postal_code="SW1Y 4JH", country="GB"
        ),
        fulfilment_status=FulfilmentStatus.PARTIALLY_SHIPPED,
        fulfilments=[
            Fulfilment(
                lines=[FulfilledLine(line=lines[0].variant, quantity=2)],
                carrier="DHL",
                tracking_number="00340434161094042557",
            )
        ],
        returns=[
            OrderReturn(
                lines=[ReturnedLine(line=lines[0].variant, quantity=1)],
                expected_refund=Decimal("12.50"),
                answer="Please use the label in the parcel.",
            )
        ],
        timeline=[TimelineEntry(event=Event.CANCELLED, detail="Out of stock.", actor=Actor.STAFF)],
        created_at=now,
        expires_at=now + timedelta(minutes=30),
    )


def _line(name: str, options: dict[str, str], quantity: int, price: Decimal) -> OrderLine:
    return OrderLine(
        product=ObjectId(),
        variant=ObjectId(),
        sku=name.upper(),
        name=name,
        options=options,
        quantity=quantity,
        unit_price=price,
        line_total=quantity * price,
    )


def _customer_mail(event: Event) -> Mail:
    order, mail = _order(), CUSTOMER_MAILS[event]
    context = {"refund": money.display(Decimal("12.50"), order.currency), **parcel_context(order, "")}
    return _mail(order, mail.subject.format(order.number), mail.template, context)


def _staff_mail(event: Event) -> Mail:
    order, mail = _order(), STAFF_MAILS[event]
    return _mail(order, mail.subject.format(order.number), mail.template, {"country": "United Kingdom", "name": ""})


def _link_mail() -> Mail:
    order = _order()
    return _mail(order, f"The link to order {order.number}", "link", {"has_account": False, "name": ""})


def _mail(order: Order, subject: str, template: str, context: dict) -> Mail:
    link = mails.storefront_url(f"orders/{order.number}")
    return Mail(
        to="ada@example.com",
        verified=True,
        budget=None,
        subject=subject,
        template=f"orders/mails/{template}",
        context={
            **context_of(order, verified=True),
            **return_context(order, str(order.returns[0].key)),
            "name": _NAME,
            "link": link,
            **context,
        },
    )
