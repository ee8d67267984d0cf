"""Redirects from former slugs, and texts for search engines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from catalog.collections.models import Collection
from catalog.models import Category, Product
from catalog.redirects import SlugRedirect
from catalog.tests.conftest import LIST
from catalog.tests.files import import_products
from catalog.tests.product_page import save
from shop.audit import violations
from shop.db import caches
from shop.dev.testing.admin import filled_in, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal

pytestmark = pytest.mark.django_db


def leads_to(client: APIClient, path: str) -> str:
    reply = client.get(path)
    if reply.status_code == 301:
        assert reply["Cache-Control"] == "no-cache"
        return reply["Location"].removeprefix("http://testserver/api/v1/")
    return str(reply.status_code)


def test_former_slugs_of_a_product_lead_to_it_however_it_was_renamed(
    anonymous: APIClient, as_staff: APIClient, browser: Client, mug: Product, tmp_path: Path
) -> None:
    as_staff.patch(f"{LIST}{mug.pk}/", {"slug": "cup"}, format="json")
    save(browser, mug, slug="beaker")
    import_products(tmp_path, [{"sku": "MUG", "slug": "tumbler"}])
    for former in ("mug", "cup", "beaker", "Mug"):
        assert leads_to(anonymous, f"{LIST}{former}/?expand=x") == "products/tumbler/?expand=x"
        assert leads_to(anonymous, f"{LIST}{former}") == "products/tumbler/"
    with count_commands() as commands:
        assert leads_to(anonymous, f"{LIST}tumbler/") == "200"
    assert len(commands) == 1
    # Back to a former slug: no loop.
    as_staff.patch(f"{LIST}{mug.pk}/", {"slug": "mug"}, format="json")
    assert [leads_to(anonymous, f"{LIST}{slug}/") for slug in ("mug", "tumbler")] == ["200", "products/mug/"]
    Product.objects.filter(pk=mug.pk).update(is_active=False)
    assert [leads_to(client, f"{LIST}cup/") for client in (anonymous, as_staff)] == ["404", "products/mug/"]
    missing = anonymous.get(f"{LIST}nothing/")
    assert anonymous.get(f"{LIST}cup/").content == missing.content
    as_staff.delete(f"{LIST}{mug.pk}/")
    assert not SlugRedirect.objects.exists()


def test_a_slug_in_use_wins_and_its_last_owner_inherits_the_redirect(
    anonymous: APIClient, as_staff: APIClient, make_product: Callable[..., Product], mug: Product
) -> None:
    as_staff.patch(f"{LIST}{mug.pk}/", {"slug": "cup"}, format="json")
    other = make_product("Other", slug="mug")
    assert leads_to(anonymous, f"{LIST}mug/") == "200"
    as_staff.patch(f"{LIST}{other.pk}/", {"slug": "glass"}, format="json")
    assert leads_to(anonymous, f"{LIST}mug/") == "products/glass/"
    assert violations() == []


def test_categories_and_collections_keep_their_former_addresses(
    anonymous: APIClient, browser: Client, make_category: Callable[..., Category], make_product: Callable[..., Product]
) -> None:
    category = make_category("Mugs")
    collection = Collection.objects.create(name="Summer", slug="summer")
    make_product("Mug", category=category, collections=[collection.pk])
    for model, row in (("catalog.category", category), ("catalog.collection", collection)):
        url = url_of(model, "change", row.pk)
        reply = browser.post(url, {**filled_in(browser.get(url)), "slug": "new", "seo_title": "Found"})
        assert reply.status_code == 302
    assert leads_to(anonymous, "/api/v1/categories/mugs/") == "categories/new/"
    assert leads_to(anonymous, "/api/v1/collections/summer/") == "collections/new/"
    for path in ("categories", "collections"):
        assert anonymous.get(f"/api/v1/{path}/new/").json()["seo"] == {"title": "Found", "description": ""}
    assert anonymous.get(LIST, {"category": "mugs"}).json()["count"] == 1
    assert anonymous.get(LIST, {"collection": "summer"}).json()["count"] == 1
    Collection.objects.update(is_active=False)
    caches.clear_all()
    assert refusal(anonymous.get(LIST, {"collection": "summer"}), 400) == ("does_not_exist", "collection")
    assert violations() == []


def test_staff_write_texts_for_search_engines(anonymous: APIClient, as_staff: APIClient, mug: Product) -> None:
    url = f"{LIST}{mug.pk}/"
    as_staff.patch(url, {"seo": {"title": "Best mug", "description": "It holds tea."}}, format="json")
    reply: Any = as_staff.patch(url, {"seo": {"title": "Good mug"}}, format="json")
    assert reply.json()["seo"] == {"title": "Good mug", "description": "It holds tea."}
    assert as_staff.patch(url, {"seo": {"title": "x" * 201}}, format="json").json()["errors"][0]["attr"] == "seo.title"
    assert anonymous.get(url).json()["seo"] == reply.json()["seo"]
