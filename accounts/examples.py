"""Requests and replies that the API documentation shows."""

from drf_spectacular.utils import OpenApiExample

ADDRESS = {
    "name": "Ada Lovelace",
    "company": "",
    "tax_id": "",
    "line1": "12 St James's Square",
    "line2": "",
    "city": "London",
    "state": "",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
    "phone": "+44 20 7946 0000",
}
SHORT_ADDRESS = {name: value for name, value in ADDRESS.items() if value}
ADDRESS_BODY = OpenApiExample("An address", request_only=True, value=SHORT_ADDRESS)
ADDRESS_REPLY = OpenApiExample(
    "The entry",
    response_only=True,
    status_codes=["201"],
    value={"id": "6650c1f2a4b3c2d1e0f9a8b1", **ADDRESS, "is_default": True},
)
