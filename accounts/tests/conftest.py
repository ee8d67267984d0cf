"""Fixtures of tests of accounts."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from conftest import PASSWORD, client_of
from shop.dev.testing.admin import browser_of
from shop.dev.testing.steps import API
from shop.dev.testing.takeover import OWNER, token_client


@pytest.fixture
def stranger(db: None) -> APIClient:
    """A user who has registered another person's address, which they cannot verify."""
    body = {"email": OWNER, "password": PASSWORD, "name": "Mallory Stranger"}
    reply = client_of().post(f"{API}/auth/register/", body)
    assert reply.status_code == 201
    return token_client(reply.json()["access"])


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)
