"""Bring e-mail addresses into the normal form by which accounts are found, see `shop.jobs.email_addresses`."""

from typing import Any

from django.db import IntegrityError, migrations
from django.utils.encoding import punycode

from shop.jobs.email_addresses import normalize_email


def normalize(apps: Any, schema_editor: Any) -> None:
    """Write the domain in ASCII where it is not.

    By IDNA 2003, as mails were sent until now: an account must not move to another mailbox (ß was ss). Of several
    accounts of one mailbox a verified one, else the oldest, gets the address; `manage.py audit` names the others.
    """
    users = apps.get_model("accounts", "User").objects
    found = users.filter(email__regex=r"[^ -~]").order_by("-email_verified", "id").values_list("pk", "email")
    for pk, email in list(found):
        if not normalize_email(email).isascii():
            # Found as it is.
            continue
        local, _, domain = email.rpartition("@")
        try:
            normal = f"{local}@{punycode(domain)}".lower()
        except UnicodeError:
            continue
        if not users.filter(email=normal).exists():
            try:
                users.filter(pk=pk, email=email).update(email=normal)
            except IntegrityError:
                # Registered a moment ago.
                continue


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(normalize, migrations.RunPython.noop, elidable=True)]
