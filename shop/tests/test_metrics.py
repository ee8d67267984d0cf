"""Metrics of a running server, of the database, and the rules and the dashboard that use them."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import promql_parser
import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from catalog.models import Product
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import place_order
from shop.dev.testing.stripe_steps import pay
from shop.jobs import Job
from shop.tests.test_serve import serving

MONITORING = Path(settings.BASE_DIR, "docs", "deploy", "monitoring")
TOKEN = "b7Xq2mV9sK4tWz8rLc3nYp6hJd5gFa1e"


def names_of(text: str) -> set[str]:
    """Return the names of series, as expressions write them."""
    families = list(text_string_to_metric_families(text))
    # A histogram or counter without values has no samples yet.
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    return {f"{each.name}{suffix}" for each in families for suffix in suffixes.get(each.type, [""])}


def value(text: str, series: str, **labels: str) -> float:
    """Return the sum of the samples that have these labels."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(each.value for each in samples if each.name == series and labels.items() <= each.labels.items())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_metrics_add_up_over_processes_and_need_the_token(tmp_path: Path) -> None:
    overdue = timezone.now() - timedelta(minutes=10)
    Job.objects.create(kind="orders.mail", run_at=overdue)
    Job.objects.create(kind="orders.mail", run_at=overdue + timedelta(minutes=5), urgent=True)
    Job.objects.create(kind="orders.mail", run_at=timezone.now() + timedelta(hours=1))
    Job.objects.create(kind="media.delete", run_at=overdue, given_up_at=overdue)
    with serving(tmp_path / "web.log", WEB_WORKERS="2", METRICS_TOKEN=TOKEN, MONGO_URI=database_uri()) as server:
        for _ in range(12):
            # Each on a connection of its own, so that both processes answer.
            assert server.get("/api/v1/products/", headers={"Connection": "close"}).ok
        assert server.get("/api/v1/products/no-such-product/").status_code == 404
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            refused = server.get("/metrics", headers=headers)
            assert (refused.status_code, refused.content) == (401, b"")
        reply = server.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "Host": "10.0.0.7:8000"})
    assert reply.status_code == 200
    text = reply.text
    assert value(text, "shop_requests_total", route="product-list", method="GET", status="200") == 12
    assert value(text, "shop_request_seconds_count", route="product-list", method="GET") == 12
    assert value(text, "shop_requests_total", route="product-detail", status="404") == 1
    assert value(text, "shop_mongodb_command_seconds_count", command="aggregate") >= 12
    assert value(text, "shop_jobs_due", kind="orders.mail") == 2
    assert 590 < value(text, "shop_jobs_oldest_due_seconds", kind="orders.mail") < 700
    assert value(text, "shop_jobs_given_up", kind="media.delete") == 1
    assert value(text, "shop_database_readable") == 1
    # Those with labels and without values are only in the registry.
    known = names_of(text) | names_of(generate_latest(REGISTRY).decode()) | {"up"}
    assert names_in_rules() | names_in_dashboard() <= known


def test_without_a_token_there_are_no_metrics(client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert not [name for name in settings.MIDDLEWARE if "metrics" in name]


@pytest.mark.django_db
def test_orders_payments_and_stock_outs_are_counted_once_committed(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    def counted() -> list[float]:
        series = [("shop_orders_total", {"event": "placed"}), ("shop_orders_total", {"event": "paid"})]
        series += [("shop_stock_outs_total", {}), ("shop_webhook_lag_seconds_count", {})]
        return [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in series]

    before = counted()
    number = place_order(as_customer, make_product(stock=1))["number"]
    assert [new - old for new, old in zip(counted(), before, strict=True)] == [1, 0, 1, 0]
    pay(as_customer, simulator, number)
    placed, paid, sold_out, lags = [new - old for new, old in zip(counted(), before, strict=True)]
    assert (placed, paid, sold_out) == (1, 1, 1)
    assert lags >= 1


# --- Rules and dashboard ----------------------------------------------------------------------------------------------


def rules() -> list[dict]:
    (group,) = yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"]
    return group["rules"]


def panel_expressions() -> list[str]:
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def names_in_rules() -> set[str]:
    return {name for rule in rules() for name in names_in(rule["expr"])}


def names_in_dashboard() -> set[str]:
    return {name for expression in panel_expressions() for name in names_in(expression)}


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:shop_\w+|up)\b", expression))


def test_every_rule_parses_and_says_what_to_do() -> None:
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        promql_parser.parse(rule["expr"])
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("page", "warn", "info")
        assert all(rule["annotations"][name].endswith(".") for name in ("summary", "runbook"))
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_every_panel_parses_and_is_placed_apart() -> None:
    for expression in panel_expressions():
        promql_parser.parse(expression)
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    assert len({(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels}) == len(panels)
