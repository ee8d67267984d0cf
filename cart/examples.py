"""Requests and replies that the API documentation shows."""

from drf_spectacular.utils import OpenApiExample

CART_REPLY = OpenApiExample(
    "A cart",
    response_only=True,
    value={
        "id": "6650c1f2a4b3c2d1e0f9a8b3",
        "items": [
            {
                "id": "6650c1f2a4b3c2d1e0f9a8b4",
                "product": {
                    "id": "6650c1f2a4b3c2d1e0f9a8b1",
                    "name": "Harbour Stoneware Mug",
                    "slug": "harbour-stoneware-mug",
                    "image": "https://shop.example.com/media/thumbnail.jpg",
                },
                "variant": {
                    "id": "6650c1f2a4b3c2d1e0f9a8b5",
                    "sku": "MUG-HARBOUR-OCEANB",
                    "options": {"colour": "Ocean blue"},
                },
                "image": "https://shop.example.com/media/thumbnail.jpg",
                "quantity": 2,
                "backordered": 0,
                "expected_on": None,
                "unit_price": "24.00",
                "line_total": "48.00",
                "discount": "0.00",
                "discounts": [],
            }
        ],
        "item_count": 2,
        "subtotal": "48.00",
        "discount": "0.00",
        "discounts": [],
        "total": "48.00",
        "currency": "usd",
        "coupon": None,
        "warnings": [],
    },
)
