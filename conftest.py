from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens
from catalog import categories
from catalog.models import Category, Product
from orders.models import ShippingMethod
from payments import gateway
from shop.audit import invariants
from shop.db import caches, schema_state
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.products import product_of
from shop.dev.testing.schema import prepare_database
from shop.dev.testing.server import database_uri
from shop.dev.testing.writes import once_per_schema
from shop.jobs import timing

PASSWORD = "correct-horse-battery"
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


def client_of(user: User | None = None) -> APIClient:
    # As over HTTP: exceptions become responses.
    client = APIClient(raise_request_exception=False)
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user)['access']}")
    return client


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Override that of pytest-django: only the first process of a run calls `migrate`."""
    configured = connection.settings_dict
    name = configured["TEST"]["NAME"] or f"test_{configured['NAME']}"
    with django_db_blocker.unblock():
        connection.close()
        configured["NAME"] = name
        connection.get_database().client.drop_database(name)
        prepare_database(database_uri(), lambda: call_command("migrate", verbosity=0, interactive=False))
    yield
    with django_db_blocker.unblock():
        # Another client, if a test has closed the first.
        connection.close()
        connection.get_database().client.drop_database(name)


@pytest.fixture(autouse=True, scope="session")
def _production_urls() -> Iterator[None]:
    """Leave out the starter storefront, which `shop/tests/test_storefront.py` adds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ROOT_URLCONF", "shop.urls")
        yield


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    """Cached values are those of another test's database."""
    caches.clear_all()


@pytest.fixture(autouse=True)
def _unhurried_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine runs as much in a slice as a fast one."""
    monkeypatch.setattr(timing, "SLICE_SECONDS", 60.0)


@pytest.fixture(autouse=True, scope="session")
def _schema_audited_once() -> Iterator[None]:
    """Let audits look up migrations and indexes only after the schema has changed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("unapplied_migrations", "missing_indexes"):
            patch.setattr(invariants, name, once_per_schema(getattr(schema_state, name)))
        yield


@pytest.fixture
def anonymous() -> APIClient:
    return client_of()


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    numbers = iter(range(1, 10_000))

    def make(**fields: Any) -> User:
        email = fields.pop("email", f"person{next(numbers)}@example.com")
        return User.objects.create_user(email, PASSWORD, **{"name": "Person", **fields})

    return make


@pytest.fixture
def customer(make_user: Callable[..., User]) -> User:
    return make_user(email="ada@example.com", name="Ada")


@pytest.fixture
def as_customer(customer: User) -> APIClient:
    return client_of(customer)


@pytest.fixture
def as_stranger(make_user: Callable[..., User]) -> APIClient:
    return client_of(make_user(email="eve@example.com", name="Eve"))


@pytest.fixture
def staff(make_user: Callable[..., User]) -> User:
    return make_user(email="boss@example.com", name="Boss", is_staff=True, is_superuser=True)


@pytest.fixture
def as_staff(staff: User) -> APIClient:
    return client_of(staff)


@pytest.fixture
def make_category(db: None) -> Callable[..., Category]:
    def make(name: str = "Things", *, parent: Category | None = None, slug: str = "") -> Category:
        return categories.save_category(category=Category(name=name, slug=slug or name.lower(), parent=parent))

    return make


@pytest.fixture
def make_product(db: None) -> Callable[..., Product]:
    numbers = iter(range(1, 10_000))

    def make(name: str = "", **data: Any) -> Product:
        name = name or f"Thing {next(numbers)}"
        if "variants" not in data:
            data = {"price": "10.00", "stock": 5, **data}
        return product_of({"name": name, **data})

    return make


@pytest.fixture
def shipping(db: None) -> ShippingMethod:
    return ShippingMethod.objects.create(code="standard", name="Standard", price="4.90")


@pytest.fixture
def simulator(settings: Any) -> Iterator[StripeSimulator]:
    """Sends no webhooks until `webhook_url` is set."""
    with StripeSimulator(
        webhook_url="",
        webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
        secret_key=settings.STRIPE_SECRET_KEY,
        publishable_key=settings.STRIPE_PUBLISHABLE_KEY,
    ) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        # Another test may have opened it.
        gateway.circuit.close()
        yield stripe
