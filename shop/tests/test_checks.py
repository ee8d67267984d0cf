"""The checks of what the shop was given to work with."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_embedded_database_passes_every_check() -> None:
    assert run_checks(databases=["default"]) == []


def test_a_database_that_keeps_the_locks_of_the_dead_for_a_minute_is_warned_of() -> None:
    admin = connection.get_database().client.admin
    before = admin.command("getParameter", 1, transactionLifetimeLimitSeconds=1)["transactionLifetimeLimitSeconds"]
    admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)
    try:
        messages = run_checks(databases=["default"])
    finally:
        admin.command("setParameter", 1, transactionLifetimeLimitSeconds=before)
    assert [message.id for message in messages] == ["shop.W001"]
    assert "60 s" in messages[0].msg


@pytest.mark.parametrize(("backend", "warned"), [("smtp", False), ("console", True), ("dummy", True)])
def test_a_deployment_whose_mails_reach_nobody_is_warned_of(settings: Any, backend: str, warned: bool) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    ids = [message.id for message in run_checks(tags=["security"], include_deployment_checks=True)]
    assert ("shop.W002" in ids) == warned


@pytest.mark.parametrize(
    ("redirect", "seconds", "warnings"),
    [(True, 31_536_000, set()), (False, 31_536_000, {"shop.W003"}), (True, 0, {"shop.W004"})],
)
def test_a_deployment_without_https_is_warned_of(
    settings: Any, redirect: bool, seconds: int, warnings: set[str]
) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = redirect, seconds
    ids = {message.id for message in run_checks(tags=["security"], include_deployment_checks=True)}
    assert ids & {"shop.W003", "shop.W004"} == warnings
