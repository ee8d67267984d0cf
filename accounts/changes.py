from typing import Any

from accounts.customers.serializers import CustomerDetailSerializer
from accounts.models import User
from shop import changes
from shop.api.object_ids import parse_object_id
from shop.db import documents


def register() -> None:
    changes.register(
        changes.Kind(
            name="customer",
            permission="accounts.view_user",
            events={
                "created": "An account was opened.",
                "updated": "Its name, phone number, picture, addresses, e-mail address or rights have changed.",
                "verified": "Its e-mail address is verified.",
                "deleted": "It was deleted. Its personal data is erased.",
            },
            show=show_customer,
            path="customers/{id}/",
        )
    )


def show_customer(object_id: str, parent: str) -> dict[str, Any] | None:
    user = documents.find_one(User, {"_id": parse_object_id(object_id), "closed_at": None})
    return None if user is None else CustomerDetailSerializer(user, context={"base_url": ""}).data
