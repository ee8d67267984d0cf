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
REGISTER_BODY = OpenApiExample(
    "A person",
    request_only=True,
    value={"email": "ada@example.com", "password": "correct horse battery", "name": "Ada Lovelace"},
)
LOGIN_BODY = OpenApiExample(
    "A person", request_only=True, value={"email": "ada@example.com", "password": "correct horse battery"}
)
LOGIN_REPLY = OpenApiExample(
    "Tokens and account",
    response_only=True,
    value={
        "access": "eyJhbGciOiJIUzI1NiJ9.e30.access",
        "refresh": "eyJhbGciOiJIUzI1NiJ9.e30.refresh",
        "user": {
            "id": "6650c1f2a4b3c2d1e0f9a8b0",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "phone": "",
            "avatar": None,
            "email_verified": False,
            "is_staff": False,
            "date_joined": "2026-06-01T12:00:00.000Z",
        },
    },
)
