"""The system checks."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
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
def test_a_deployment_without_mail_server_gets_a_warning(settings: Any, backend: str, warned: bool) -> None:
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


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    """Static files of production, collected."""
    settings.STATIC_ROOT = tmp_path / "staticfiles"
    storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}
    # Compression takes most of the time, and is not looked at here.
    settings.WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["js", "css", "svg", "html", "txt", "map", "json", "md", "xml"]
    call_command("collectstatic", "--noinput", verbosity=0)
    return tmp_path / "staticfiles"


def static_file_warnings() -> list[str]:
    messages = run_checks(tags=["staticfiles"], include_deployment_checks=True)
    return [message.msg for message in messages if message.id == "shop.W006"]


def test_a_deployment_whose_static_files_are_missing_or_old_is_warned_of(collected: Path, settings: Any) -> None:
    assert static_file_warnings() == []
    manifest = json.loads((collected / "staticfiles.json").read_text())
    # As after an upgrade: the files are those of the release before.
    del manifest["paths"]["shop/admin.css"]
    (collected / "staticfiles.json").write_text(json.dumps(manifest))
    assert static_file_warnings() == ["shop/admin.css is not among the collected static files."]
    shutil.rmtree(collected)
    assert len(static_file_warnings()) == 1


def test_development_needs_no_collected_static_files() -> None:
    assert static_file_warnings() == []
