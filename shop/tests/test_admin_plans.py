"""Every list of the admin is read by indexes: each filter, column that sorts, and search.

The addresses come from the admin's registry. With few rows only the plans are checked; with `make test-slow` also how
much MongoDB reads in a shop with 100,000 orders.
"""

from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.db import models
from django.test import RequestFactory

from accounts.models import User
from catalog.models import Variant
from orders.models import Order
from shop.admin.lists import MOST_COUNTED, DaysFilter
from shop.dev.testing.admin import filter_queries
from shop.dev.testing.commands import Command, Commands, count_commands
from shop.dev.testing.plans import plans_of, profiled

pytestmark = pytest.mark.django_db

Query = dict[str, Any]

# Collections that may be read as a whole, and why.
SMALL = {
    "accounts.apikey": "keys are made by hand",
    "admin.logentry": "never written",
    "auth.group": "groups are made by hand",
    "auth.permission": "permissions come with the code",
    "catalog.category": "a tree that staff maintain",
    "catalog.collection": "collections are made by hand",
    "catalog.importrun": "files are uploaded by hand",
    "contenttypes.contenttype": "models come with the code",
    "orders.shippingmethod": "methods are made by hand",
    "orders.shippingzone": "zones are made by hand",
    "orders.taxrate": "the number of places is limited",
    "shop.job": "jobs are deleted once they are done",
    "shop.periodictask": "tasks come with the code",
    "shop.webhookendpoint": "at most 20",
}
SMALL_COLLECTIONS = {apps.get_model(label)._meta.db_table for label in SMALL}
# Lists that no index serves in their order, and why MongoDB reads few rows nevertheless.
FEW = {
    ("cart.cart", "q"): "one cart each of at most 100 customers",
    ("payments.refund", "q"): "refunds of at most 100 payments",
    ("orders.order", "q"): "at most 5,000 orders of the rarest word",
    ("orders.order", "work=problems"): "open flags, disputes and amounts due",
    ("orders.order", "work=at_hold_limits"): "unpaid orders of the last day",
    ("catalog.variant", "stock=some"): "most variants are in stock, so the newest are",
}
SEARCHES = ("ada@", "boss", "linen shirt", "pi_1", "re_1", "payment_intent.", "a" * 24)


def queries_of(change_list: Any, *searches: str) -> Iterator[Query]:
    """Yield the queries that the list's page offers: filters and orders, alone and together, and searches."""
    columns = [place for place, name in enumerate(change_list.list_display) if change_list.get_ordering_field(name)]
    yield from ({}, *({"o": f"{sign}{place}"} for place in columns for sign in ("", "-")))
    for spec in change_list.filter_specs:
        # Choices of a filter differ by its value; other filters have few.
        queries = list(islice(filter_queries(spec, change_list), 4))
        if isinstance(spec, DaysFilter):
            queries = [dict(zip(spec.expected_parameters(), ("2020-01-01", "2099-01-01"), strict=True))]
        yield from (*queries, *({**query, "o": str(place)} for query in queries[:1] for place in columns))
    if change_list.search_fields:
        yield from ({"q": text} for text in (*SEARCHES, *searches))


@pytest.fixture
def open_list(staff: User) -> Callable[..., tuple[Any, Commands]]:
    """Return a function that reads a page of a list and returns it with its commands."""

    def open_list(model: type[models.Model], query: Query | None = None) -> tuple[Any, Commands]:
        request = RequestFactory().get("/admin/", query or {})
        request.user = staff
        with count_commands() as commands:
            change_list = admin.site.get_model_admin(model).get_changelist_instance(request)
            change_list.result_list = list(change_list.result_list)
        return change_list, commands

    return open_list


def is_few(model: type[models.Model], query: Query) -> bool:
    label = model._meta.label_lower
    return any((label, each) in FEW for name, value in query.items() for each in (name, f"{name}={value}"))


def is_served(command: Command) -> bool:
    """Return whether one of the indexes finds the rows and sorts them."""
    is_filtered = "$match" in command.document["pipeline"][0]
    return any(
        plan.stages.isdisjoint({"COLLSCAN", "SORT", "$sort"}) and not (is_filtered and plan.reads_whole_index)
        for plan in plans_of(command)
    )


def test_an_index_serves_every_list(populated_shop: Order, open_list: Callable[..., tuple[Any, Commands]]) -> None:
    Order.objects.filter(pk=populated_shop.pk).update(tags=["vip"])
    faults, opened = [], 0
    sku = populated_shop.lines[0].sku
    for model in admin.site._registry:
        label, table = model._meta.label_lower, model._meta.db_table
        for query in queries_of(open_list(model)[0], populated_shop.number[:3], sku[:3]):
            _, commands = open_list(model, query)
            opened += 1
            if table not in SMALL_COLLECTIONS and not is_few(model, query):
                # The plan of the count is that of the page.
                pages = [each for each in commands.on(table) if each.name == "aggregate" and "$facet" not in repr(each)]
                faults += [f"{label} {query}: {each}" for each in pages if not is_served(each)]
    assert not faults, "\n".join(faults)
    assert opened > 150


def test_only_small_collections_sort_without_an_index() -> None:
    small = {
        model._meta.label_lower for model, each in admin.site._registry.items() if getattr(each, "is_small", False)
    }
    assert small <= set(SMALL)


# --- With many rows ---------------------------------------------------------------------------------------------------

ORDERS = 100_000
# Rows that are so few that MongoDB may prefer to sort them.
SORTED = 1000
LARGE = [model for model in admin.site._registry if model._meta.label_lower not in SMALL]


@pytest.mark.large
@pytest.mark.slow
def test_a_list_reads_a_bounded_number_of_rows(
    open_list: Callable[..., tuple[Any, Commands]], settings: Any, subtests: pytest.Subtests
) -> None:
    # Only a shop with public passwords may be seeded.
    settings.DEBUG = True
    call_command("seed", orders=ORDERS, stdout=StringIO())
    for model in LARGE:
        label, table = model._meta.label_lower, model._meta.db_table
        whole, _ = open_list(model)
        pages = [{"p": "2"}, {"p": str(whole.paginator.num_pages)}]
        for query in [
            *pages,
            *queries_of(whole, Order.objects.latest("pk").number[:3], Variant.objects.latest("pk").sku[:3]),
        ]:
            with subtests.test(f"{label} {query}"), profiled() as commands:
                shown, _ = open_list(model, query)
            # A search counts the products of its words up to a limit of its own.
            own = [each for each in commands if each.collection == table and "$unionWith" not in str(each.command)]
            with subtests.test(f"{label} {query}", found=str(shown.result_count)):
                for each in own:
                    assert max(each.keys, each.documents) <= 10 * each.returned + MOST_COUNTED + 500, each
                    assert not each.sorts_in_memory or each.documents <= SORTED or is_few(model, query), each
