"""ETags of the catalog: unchanged responses are 304, and changes are visible to the next request."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog import categories
from catalog import services as catalog
from catalog.models import Category, Product, Variant
from catalog.tests.conftest import LIST
from shop.dev.testing.replies import refusal

pytestmark = pytest.mark.django_db

READS = [LIST, f"{LIST}?search=mug&ordering=price", f"{LIST}mug/", f"{LIST}facets/", "/api/v1/categories/"]
READS += ["/api/v1/categories/kitchen/", f"{LIST}suggest/?q=mu"]


@pytest.fixture
def mug(make_product: Callable[..., Product], make_category: Callable[..., Category]) -> Product:
    return make_product("Mug", category=make_category("Kitchen"), stock=3)


def tagged(reply: Any) -> str:
    assert reply.status_code == 200, reply.content
    assert reply["ETag"].startswith('"')
    return reply["ETag"]


@pytest.mark.parametrize("url", READS)
def test_what_a_client_has_already_is_not_sent_again(anonymous: APIClient, mug: Product, url: str) -> None:
    first = anonymous.get(url)
    tag = tagged(first)
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        reply = anonymous.get(url, headers={"If-None-Match": known})
        assert (reply.status_code, reply.content) == (304, b"")
        assert {name: reply[name] for name in ("ETag", "Cache-Control", "Vary")} == {
            name: first[name] for name in ("ETag", "Cache-Control", "Vary")
        }
    for unknown in ('"other"', tag.strip('"'), '"', "\x7f", ",,,", ""):
        assert anonymous.get(url, headers={"If-None-Match": unknown}).content == first.content
    assert anonymous.head(url)["ETag"] == tag
    assert anonymous.head(url, headers={"If-None-Match": tag}).status_code == 304


def test_the_same_reply_has_the_same_tag_and_another_has_another(anonymous: APIClient, mug: Product) -> None:
    tags = [tagged(anonymous.get(url)) for url in READS]
    assert [tagged(anonymous.get(url)) for url in READS] == tags
    by_content = {anonymous.get(url).content: tag for url, tag in zip(READS, tags, strict=True)}
    assert len(set(by_content.values())) == len(by_content) == len(READS) - 1  # the search finds what the list has


CHANGES: dict[str, Callable[[Product], Any]] = {
    "name": lambda mug: catalog.update_product(product=mug, data={"name": "Cup"}),
    "price": lambda mug: catalog.update_variant(variant=Variant.objects.get(), data={"price": "9"}),
    "sold out": lambda mug: catalog.stock.adjust(Variant.objects.get(), to=0),
    "hidden": lambda mug: catalog.set_active([mug], is_active=False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_by_the_next_request(anonymous: APIClient, mug: Product, change: str) -> None:
    tags = {url: tagged(anonymous.get(url)) for url in (LIST, f"{LIST}mug/")}
    CHANGES[change](mug)
    for url, tag in tags.items():
        reply = anonymous.get(url, headers={"If-None-Match": tag})
        assert reply.status_code == (404 if change == "hidden" and url != LIST else 200)


def test_a_renamed_category_is_seen_in_the_tree(anonymous: APIClient, mug: Product) -> None:
    tag = tagged(anonymous.get("/api/v1/categories/"))
    category = Category.objects.get()
    category.name = "Dining"
    categories.save_category(category=category)
    assert anonymous.get("/api/v1/categories/", headers={"If-None-Match": tag}).json()[0]["name"] == "Dining"


@pytest.mark.parametrize("url", READS)
def test_who_may_keep_a_reply(
    anonymous: APIClient,
    as_customer: APIClient,
    as_staff: APIClient,
    mug: Product,
    url: str,
    settings: Any,
) -> None:
    reply = anonymous.get(url)
    assert reply["Cache-Control"] == "max-age=0, must-revalidate, public"
    assert "Authorization" in reply["Vary"]

    own = as_customer.get(url)
    assert own["Cache-Control"] == "max-age=0, must-revalidate, private"
    assert "Authorization" in own["Vary"]
    assert own["ETag"] == reply["ETag"]

    shown_to_staff = as_staff.get(url, headers={"If-None-Match": reply["ETag"]})
    assert shown_to_staff.status_code == 200
    assert shown_to_staff.get("ETag") != reply["ETag"]
    assert shown_to_staff["Cache-Control"] == "no-store"

    settings.CATALOG_CACHE_SECONDS = 30
    for answer in (anonymous.get(url), anonymous.get(url, headers={"If-None-Match": reply["ETag"]})):
        assert answer["Cache-Control"] == "public, max-age=0, s-maxage=30, stale-while-revalidate=30"
        assert answer["ETag"] == reply["ETag"]
    assert answer.status_code == 304
    assert as_customer.get(url)["Cache-Control"] == own["Cache-Control"]
    assert as_staff.get(url)["Cache-Control"] == "no-store"


def test_what_staff_see_of_a_product_is_never_what_a_tag_of_others_names(
    anonymous: APIClient, as_staff: APIClient, mug: Product
) -> None:
    tag = tagged(anonymous.get(f"{LIST}mug/"))
    reply = as_staff.get(f"{LIST}mug/", headers={"If-None-Match": tag})
    assert reply.json()["variants"][0]["stock"] == 3


def test_refusals_and_writes_have_no_tag(anonymous: APIClient, as_staff: APIClient, mug: Product) -> None:
    replies = [
        anonymous.get(LIST, {"min_price": "abc"}, headers={"If-None-Match": "*"}),
        anonymous.get(f"{LIST}nothing/", headers={"If-None-Match": "*"}),
        anonymous.options(LIST),
        as_staff.patch(f"{LIST}mug/", {"name": "Cup"}, headers={"If-None-Match": "*"}),
    ]
    assert [reply.status_code for reply in replies] == [400, 404, 200, 200]
    for reply in replies:
        assert "ETag" not in reply
        assert reply["Cache-Control"] == "no-store"


def test_a_shop_elsewhere_may_read_the_tag(anonymous: APIClient, mug: Product, settings: Any) -> None:
    tag = tagged(anonymous.get(LIST))
    reply = anonymous.get(LIST, headers={"Origin": "https://shop.test", "If-None-Match": tag})
    assert reply.status_code == 304
    assert reply["Access-Control-Allow-Origin"]
    assert "ETag" in reply["Access-Control-Expose-Headers"]


def test_an_unknown_token_is_refused_whatever_the_client_has(anonymous: APIClient, mug: Product) -> None:
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer garbage")
    assert refusal(anonymous.get(LIST, headers={"If-None-Match": "*"}), 401) == ("token_not_valid", None)
