"""The people of the tables."""

from collections.abc import Callable

from accounts.models import User
from shop.testing.admin import allow

EVERY = ("view", "add", "change", "delete")
# What the staff's groups may.
ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    "editor": {
        **dict.fromkeys(("catalog.category", "catalog.product", "catalog.variant", "catalog.productimage"), EVERY),
        "catalog.stockmovement": ("view",),
    },
    "desk": {
        "orders.order": ("view", "change"),
        "payments.payment": ("view",),
        "payments.refund": ("view", "add"),
    },
    "reader": dict.fromkeys(
        (
            "accounts.user",
            "accounts.address",
            "auth.group",
            "cart.cart",
            "cart.coupon",
            "catalog.category",
            "catalog.product",
            "catalog.variant",
            "catalog.productimage",
            "catalog.stockmovement",
            "catalog.importrun",
            "orders.order",
            "orders.shippingmethod",
            "orders.taxrate",
            "payments.payment",
            "payments.refund",
            "payments.stripeevent",
            "shop.job",
            "shop.periodictask",
        ),
        ("view",),
    ),
}


def in_role(user: User, role: str) -> User:
    """Make a person staff in one of the groups."""
    permissions = []
    for model, verbs in ROLES[role].items():
        app, name = model.split(".")
        permissions += [f"{app}.{verb}_{name}" for verb in verbs]
    return allow(user, *permissions)


def make_people(make_user: Callable[..., User]) -> dict[str, User | None]:
    """Everybody, by the names that the tables have for them."""
    staff = {role: in_role(make_user(email=f"{role}@access.test"), role) for role in ROLES}
    return {
        "nobody": None,
        "owner": make_user(email="owner@access.test"),
        "other": make_user(email="other@access.test"),
        **staff,
        "boss": make_user(email="boss@access.test", is_staff=True, is_superuser=True),
    }
