"""The rows of the admin's lists look like unfold's, which renders them in more than twice the time."""

import io
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.management import call_command
from django.test import RequestFactory
from unfold.templatetags.unfold_list import result_headers, results

from accounts.models import User
from shop.admin.html import page_url
from shop.admin.rows import rows_of
from shop.dev.testing.admin import url_of
from shop.dev.testing.commands import count_commands


def test_rows_are_those_of_unfold_without_a_command_per_row(db: None, settings: Any) -> None:
    settings.DEBUG = True
    call_command("seed", orders=20, stdout=io.StringIO())
    staff, shown = User.objects.get(email="staff@example.com"), set()

    for model, model_admin in admin.site._registry.items():
        assert not model_admin.list_editable, "Forms in lists are not supported."
        for query in ({}, {IS_POPUP_VAR: "1"}, {"q": "a"}):
            request = RequestFactory().get(url_of(model._meta.label_lower), query)
            request.user = staff
            change_list = model_admin.get_changelist_instance(request)
            assert len(change_list.result_list) <= change_list.list_per_page
            with count_commands() as commands:
                ours = ["".join(row) for row in rows_of(change_list, list(result_headers(change_list)))]
            assert not commands, f"{model} {commands}"
            assert ours == ["".join(row) for row in results(change_list)]
            shown |= {model} if ours else set()

    assert len(shown) > 10


def test_keys_are_escaped_in_addresses(db: None) -> None:
    for key in ("evt_1", "a/b", "a b", "ü", "{}"):
        assert page_url("payments.stripeevent", key) == url_of("payments.stripeevent", "change", key)
