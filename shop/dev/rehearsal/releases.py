"""Folders with the code of a release, without tests and development tools, as in production."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

_NOT_INSTALLED = shutil.ignore_patterns(
    ".*", "__pycache__", "staticfiles", "docs", "tests", "node_modules", "conftest.py"
)
# What a later release may add: a field with an index, and a collection.
_MODELS = """

class Supplier(models.Model):
    name = models.CharField(max_length=100)


Product.add_to_class("origin", models.CharField(max_length=2, blank=True, default=""))
"""
_MIGRATION = """from django.db import migrations, models

import django_mongodb_backend.fields


class Migration(migrations.Migration):
    dependencies = [("catalog", "{latest}")]
    operations = [
        migrations.CreateModel(
            "Supplier",
            [
                ("id", django_mongodb_backend.fields.ObjectIdAutoField(primary_key=True)),
                ("name", models.CharField(max_length=100)),
            ],
        ),
        migrations.AddField("product", "origin", models.CharField(blank=True, default="", max_length=2)),
        migrations.AddIndex("product", models.Index(fields=["origin"], name="product_origin")),
        migrations.AddIndex("variant", models.Index(fields=["-weight"], name="variant_weight")),
    ]
"""


def current_release(folder: Path) -> None:
    """Copy the code that runs now."""
    shutil.copytree(settings.BASE_DIR, folder, ignore=_NOT_INSTALLED)
    shutil.rmtree(folder / "shop" / "dev")


def earlier_release(revision: str, folder: Path) -> None:
    """Copy the code of a git revision. Raises :class:`CommandError` if there is none."""
    done = subprocess.run(  # noqa: S603
        ["git", "archive", "--format=tar", revision],  # noqa: S607
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise CommandError(f"git has no release {revision}: {done.stderr.decode().strip()}")
    whole = folder.with_name(f"{folder.name}-archive")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(whole, filter="data")
    shutil.copytree(whole, folder, ignore=_NOT_INSTALLED)
    shutil.rmtree(folder / "shop" / "dev")
    shutil.rmtree(whole)


def later_release(folder: Path) -> None:
    """Copy the code that runs now, with migrations added as a next release may have them."""
    current_release(folder)
    models = folder / "catalog" / "models.py"
    models.write_text(models.read_text() + _MODELS)
    migrations = folder / "catalog" / "migrations"
    latest = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9999_later_release.py").write_text(_MIGRATION.format(latest=latest))
