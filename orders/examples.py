"""Requests and replies that the API documentation shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from accounts.examples import ADDRESS

_LINE: dict[str, Any] = {
    "id": "6650c1f2a4b3c2d1e0f9a8b5",
    "product": "6650c1f2a4b3c2d1e0f9a8b1",
    "variant": "6650c1f2a4b3c2d1e0f9a8b5",
    "sku": "MUG-HARBOUR-OCEANB",
    "name": "Harbour Stoneware Mug",
    "options": {"colour": "Ocean blue"},
    "image": "https://shop.example.com/media/thumbnail.jpg",
    "quantity": 2,
    "backordered": 0,
    "expected_on": None,
    "unit_price": "24.00",
    "line_total": "48.00",
    "discount": "0.00",
    "discounts": [],
    "tax": "9.60",
    "tax_rate": "20",
}
_TOTALS: dict[str, Any] = {
    "item_count": 2,
    "subtotal": "48.00",
    "discount": "0.00",
    "discounts": [],
    "shipping": "14.90",
    "tax": "12.58",
    "tax_lines": [{"label": "VAT", "rate": "20", "amount": "12.58"}],
    "total": "75.48",
}
QUOTE_REPLY = OpenApiExample(
    "A quote",
    response_only=True,
    value={
        "lines": [_LINE],
        **_TOTALS,
        "shipping_methods": [
            {
                "code": "standard",
                "name": "Standard",
                "price": "14.90",
                "description": "By post, in three to five working days.",
                "is_pickup": False,
                "pickup_address": None,
            },
            {
                "code": "pickup",
                "name": "Pick-up in Berlin",
                "price": "0.00",
                "description": "Ready after two hours; we keep it for ten days.",
                "is_pickup": True,
                "pickup_address": {
                    "name": "Pick-up in Berlin",
                    "line1": "Oranienstraße 24",
                    "line2": "",
                    "city": "Berlin",
                    "state": "",
                    "postal_code": "10999",
                    "country": "DE",
                },
            },
            {
                "code": "pickup-hamburg",
                "name": "Pick-up in Hamburg",
                "price": "0.00",
                "description": "Ready the next working day; we keep it for ten days.",
                "is_pickup": True,
                "pickup_address": {
                    "name": "Pick-up in Hamburg",
                    "line1": "Große Bergstraße 160",
                    "line2": "",
                    "city": "Hamburg",
                    "state": "",
                    "postal_code": "22767",
                    "country": "DE",
                },
            },
        ],
        "currency": "usd",
        "coupon": None,
        "shipping_method": "standard",
        "prices_include_tax": False,
    },
)
ORDER_REPLY = OpenApiExample(
    "An order to be paid",
    response_only=True,
    status_codes=["201"],
    value={
        "number": "7KQ2M-X94TB",
        "email": "ada@example.com",
        "status": "pending",
        "payment_status": "unpaid",
        "fulfilment_status": "unfulfilled",
        "cancellable": True,
        "lines": [
            {
                **_LINE,
                "fulfilled": 0,
                "cancelled": 0,
                "returned": 0,
                "refunded": 0,
                "returnable": 0,
                "withdrawable": 0,
            }
        ],
        **_TOTALS,
        "net_total": "75.48",
        "amount_due": "0.00",
        "currency": "usd",
        "coupon": None,
        "shipping_method": "standard",
        "shipping_address": ADDRESS,
        "pickup_address": None,
        "billing_address": ADDRESS,
        "note": "",
        "carrier": "",
        "tracking_number": "",
        "fulfilments": [],
        "payment": None,
        "refunds": [],
        "returns": [],
        "invoice": None,
        "credit_notes": [],
        "expires_at": "2026-06-01T12:00:00.000Z",
        "created_at": "2026-06-01T12:00:00.000Z",
        "timeline": [{"at": "2026-06-01T12:00:00.000Z", "event": "placed", "detail": "", "actor": "customer"}],
    },
)
RETURN_REPLY = OpenApiExample(
    "A return that staff have not answered yet",
    response_only=True,
    status_codes=["201"],
    value={
        "id": "6650c1f2a4b3c2d1e0f9a8c2",
        "status": "requested",
        "withdrawal": False,
        "lines": [
            {
                "line": "6650c1f2a4b3c2d1e0f9a8b5",
                "quantity": 1,
                "unshipped": 0,
                "missing": 0,
                "reason": "Too small",
                "restocked": None,
            }
        ],
        "expected_refund": "24.00",
        "refund": None,
        "refund_failed": False,
        "answer": "",
        "created_at": "2026-06-03T12:00:00.000Z",
        "received_at": None,
    },
)
