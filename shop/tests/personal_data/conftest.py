from collections.abc import Callable

import pytest

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from shop.dev.stripe_simulator import StripeSimulator
from shop.tests.personal_data.scene import EMAIL, Scene


@pytest.fixture
def person(make_user: Callable[..., User]) -> User:
    user = make_user(email=EMAIL, name="Canary Name")
    User.objects.filter(pk=user.pk).update(phone="Canary 555", avatar="avatars/canary.webp")
    return user


@pytest.fixture
def scene(person: User, staff: User, simulator: StripeSimulator, make_product: Callable[..., Product]) -> Scene:
    return Scene(client_of(person), staff, simulator, make_product)
