"""`manage.py capacity`, and the page that quotes it."""

import io
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command

from shop.db.backend.unique_indexes import unique_indexes
from shop.management.capacity import COLLECTIONS, REQUESTS, Size

PAGE = Path(settings.BASE_DIR, "docs", "scaling.md").read_text()


@pytest.mark.parametrize("name", ["small", "large"])
def test_the_page_quotes_what_the_command_says(name: str) -> None:
    found = re.search(rf"<!-- {name}: begin \(`manage.py (.*?)`\) -->\n(.*?)\n<!-- {name}: end -->", PAGE, re.DOTALL)
    assert found
    out = io.StringIO()
    call_command(*found[1].split(), stdout=out)
    assert found[2] == out.getvalue().strip()


def test_the_times_are_those_of_the_performance_page() -> None:
    page = Path(settings.BASE_DIR, "docs", "performance.md").read_text()
    for request in REQUESTS[:-1]:
        row = re.search(rf"^\| {request.name} \| shop \|(.*)\|$", page, re.MULTILINE)
        assert row
        assert [float(row[1].split("|")[column]) for column in (4, 5)] == [request.shop_ms, request.mongodb_ms]


def test_a_cdn_and_kept_days_limit_what_is_counted() -> None:
    size = Size(1000, 60, peak=2, years=2)
    events = next(each for each in COLLECTIONS if each.name == "payments_stripeevent")
    assert size.rows(events) == 0.5 * 90 * 24 * 3600 * 4
    assert Size(1000, 60, cached=1).shop_cores < size.shop_cores / 2
    with pytest.raises(CommandError):
        call_command("capacity", "--products", "1", "--orders-per-minute", "1", "--cached", "2")


def test_the_page_shards_only_collections_without_other_unique_indexes() -> None:
    models = {model._meta.db_table: model for model in apps.get_models()}
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| .* \|$", PAGE.partition("## A sharded cluster")[2], re.MULTILINE)
    sharded = {name: key != "not sharded" for names, key in rows for name in re.findall(r"`(\w+)`", names)}
    assert {each.name for each in COLLECTIONS} <= set(sharded)
    for name, is_sharded in sharded.items():
        assert bool(list(unique_indexes(models[name]))) != is_sharded, name
