"""The filters of the product list, alone and combined."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Category, Product
from catalog.tests.conftest import LIST
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal, refusals

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

Names = Callable[..., list[str]]


@pytest.fixture
def shelf(make_product: Callable[..., Product], make_category: Callable[..., Category]) -> None:
    """Five products, the first the oldest."""
    clothes = make_category("Clothes")
    shirts = make_category("Shirts", parent=clothes)
    books = make_category("Books")
    make_product("Red shirt", price="20", category=shirts, attributes={"colour": "red", "size": "m"})
    make_product("Blue shirt", price="25", category=shirts, stock=0, attributes={"colour": "blue", "size": "m"})
    make_product("Red coat", price="90", category=clothes, attributes={"colour": "red", "size": "l"})
    make_product("Red book", price="9.99", category=books, attributes={"colour": "red"})
    make_product("Pebble", price="0", stock=1)
    make_product("Hidden shirt", price="20", category=shirts, is_active=False, attributes={"colour": "red"})


FILTERED: list[tuple[dict[str, Any], str]] = [
    ({"category": "shirts"}, "Blue shirt,Red shirt"),
    ({"category": "clothes"}, "Red coat,Blue shirt,Red shirt"),
    ({"category": "books"}, "Red book"),
    ({"min_price": "20"}, "Red coat,Blue shirt,Red shirt"),
    ({"min_price": "20.01"}, "Red coat,Blue shirt"),
    ({"max_price": "20"}, "Pebble,Red book,Red shirt"),
    ({"max_price": "9.98"}, "Pebble"),
    ({"max_price": "0"}, "Pebble"),
    ({"min_price": "9.99", "max_price": "25"}, "Red book,Blue shirt,Red shirt"),
    ({"min_price": "2e1", "max_price": "2.5E+1"}, "Blue shirt,Red shirt"),
    ({"min_price": "30", "max_price": "20"}, ""),
    ({"min_price": "1000000000"}, ""),
    ({"in_stock": "true"}, "Pebble,Red book,Red coat,Red shirt"),
    ({"in_stock": "1"}, "Pebble,Red book,Red coat,Red shirt"),
    ({"in_stock": "false"}, "Blue shirt"),
    ({"attr_colour": "red"}, "Red book,Red coat,Red shirt"),
    ({"attr_colour": "Red"}, "Red book,Red coat,Red shirt"),
    ({"attr_colour": "re"}, ""),
    ({"attr_colour": ""}, "Pebble,Red book,Red coat,Blue shirt,Red shirt"),
    ({"attr_colour": ".*"}, ""),
    ({"attr_colour": "$ne"}, ""),
    ({"attr_colour": '{"$gt": ""}'}, ""),
    ({"attr_colour": "red", "attr_size": "m"}, "Red shirt"),
    ({"attr_nothing": "red"}, ""),
    ({"attr_colour": ["red", "blue"], "attr_size": "m"}, "Blue shirt,Red shirt"),
    ({"attr_colour": ["blue", "green"]}, "Blue shirt"),
    ({"attr_colour": ["green", ".*"]}, ""),
    ({"attr_colour": ["red"], "attr_size": ["l", "m"]}, "Red coat,Red shirt"),
    ({"search": "shirt"}, "Blue shirt,Red shirt"),
    ({"category": "clothes", "attr_colour": "red", "max_price": "50"}, "Red shirt"),
    ({"category": "clothes", "in_stock": "true", "min_price": "21"}, "Red coat"),
    ({"category": "clothes", "search": "red", "ordering": "price"}, "Red shirt,Red coat"),
    ({"search": "red", "attr_size": "m", "in_stock": "true"}, "Red shirt"),
]


def test_filters_let_through_what_they_say(names: Names, shelf: None, subtests: pytest.Subtests) -> None:
    for parameters, expected in FILTERED:
        with subtests.test(**parameters):
            assert names(**parameters) == [name for name in expected.split(",") if name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("category", "nowhere"),
        ("category", "not a slug"),
        ("category", "$ne"),
        ("min_price", "abc"),
        ("min_price", "NaN"),
        ("min_price", "-NaN"),
        ("min_price", "sNaN"),
        ("min_price", "Infinity"),
        ("min_price", "-1"),
        ("min_price", "1e400"),
        ("min_price", "1e-400"),
        ("min_price", "1.999"),
        ("min_price", "1" * 40),
        ("min_price", "1" * 2000),
        ("min_price", "1000000000.01"),
        ("max_price", "$gt"),
        ("max_price", "1,5"),
        ("max_price", '{"$gt": 0}'),
        ("in_stock", "maybe"),
        ("in_stock", "2"),
        ("ordering", "foo"),
        ("ordering", "-newest"),
        ("ordering", "-name"),
        ("ordering", "created_at"),
        ("search", "s" * 201),
        ("search", "a\0b"),
        ("attr_$where", "1"),
        ("attr_", "red"),
        ("attr_Colour", "red"),
        ("attr_colour__regex!", ".*"),
        ("attr_a.b", "red"),
        ("attr_1st", "red"),
        ("attr_" + "a" * 41, "red"),
        ("attr_colour", "r\0"),
        ("attr_colour", "r" * 201),
    ],
)
def test_a_value_that_cannot_be_understood_is_named(anonymous: APIClient, db: None, name: str, value: str) -> None:
    found = refusals(anonymous.get(LIST, {name: value}), 400)
    assert {attr for _, attr in found} == {name}


def test_a_query_has_a_maximum_of_attributes_and_values(anonymous: APIClient, shelf: None) -> None:
    ten = "&".join(f"attr_a{n}=x" for n in range(10))
    fifty = "&".join(["attr_colour=red"] * 50)
    assert anonymous.get(f"{LIST}?{ten}").status_code == 200
    assert anonymous.get(f"{LIST}?{fifty}").json()["count"] == 3
    assert refusal(anonymous.get(f"{LIST}?{ten}&attr_b=x"), 400) == ("too_many", "attr_b")
    assert refusal(anonymous.get(f"{LIST}?{fifty}&attr_colour=x"), 400) == ("too_many", "attr_colour")


def test_relevance_needs_something_to_be_relevant_to(anonymous: APIClient, shelf: None) -> None:
    assert refusal(anonymous.get(LIST, {"ordering": "relevance"}), 400) == ("search_required", "ordering")
    assert anonymous.get(LIST, {"ordering": "relevance", "search": "red"}).status_code == 200


def test_the_last_of_several_values_counts(names: Names, anonymous: APIClient, shelf: None) -> None:
    reply = anonymous.get(f"{LIST}?min_price=abc&min_price=50")
    assert [product["name"] for product in reply.json()["results"]] == ["Red coat"]


def test_filters_are_kept_from_page_to_page(anonymous: APIClient, shelf: None) -> None:
    seen, url = [], f"{LIST}?attr_colour=red&search=red&page_size=1&ordering=name"
    while url:
        page = anonymous.get(url).json()
        seen += [product["name"] for product in page["results"]]
        url = page["next"]
    assert seen == ["Red book", "Red coat", "Red shirt"]


# --- Search -----------------------------------------------------------------------------------------------------------


FOUND: list[tuple[str, set[str]]] = [
    ("shirt", {"Red shirt", "Blue shirt"}),
    ("SHIRT", {"Red shirt", "Blue shirt"}),
    ("shirts", {"Red shirt", "Blue shirt"}),
    ("shírt", {"Red shirt", "Blue shirt"}),
    ("red shirt", {"Red shirt"}),
    ("red shirts", {"Red shirt"}),
    ("shirts red", {"Red shirt"}),
    ("Shirt  RED", {"Red shirt"}),
    ("the red shirt", {"Red shirt"}),
    ("red nothing", set()),
    ("nothing", set()),
    ("clothes", {"Red coat"}),
    # The last word may be incomplete, the others are not.
    ("sh", {"Red shirt", "Blue shirt"}),
    ("red shir", {"Red shirt"}),
    ("shir red", set()),
    ("r", set()),
    ("hirt", set()),
    ("clothin", set()),
    # The markers of stored words are not found.
    ("na", set()),
    ("name", set()),
    ("cat", set()),
    # No character is an operator.
    ('"red shirt"', {"Red shirt"}),
    ('"shirt red"', {"Red shirt"}),
    ('"red', {"Red shirt", "Red coat", "Red book"}),
    ("-red", {"Red shirt", "Red coat", "Red book"}),
    ("shirt -red", {"Red shirt"}),
    ("red --shirt", {"Red shirt"}),
    ("name:red", set()),
    ("$where", set()),
    ('{"$gt": ""}', set()),
    (".*", set()),
    ("r.*d", set()),
    ("^red", {"Red shirt", "Red coat", "Red book"}),
    ("red|blue", set()),
    ('"', set()),
    ("-", set()),
    ("_", set()),
    ("\\", set()),
    ('red \\" shirt', {"Red shirt"}),
    ("the", set()),
    ("é 漢字 🙂", set()),
]


def test_search_finds_products_with_every_word_and_obeys_no_operator(
    names: Names, shelf: None, subtests: pytest.Subtests
) -> None:
    for search, expected in FOUND:
        for ordering in ("relevance", "newest"):
            with subtests.test(search=search, ordering=ordering):
                assert set(names(search=search, ordering=ordering)) == expected


def test_an_empty_search_is_no_search(names: Names, shelf: None) -> None:
    assert names(search="") == names(search="   ") == names()


def test_search_reads_name_category_and_description(
    names: Names, make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    make_product("Kettle", description="Boils water")
    make_product("Pot", category=make_category("Kettles"))
    make_product("Spoon", description="Goes with any kettle")
    assert set(names(search="kettle")) == {"Kettle", "Pot", "Spoon"}
    assert names(search="kettle", ordering="relevance") == ["Kettle", "Pot", "Spoon"]


def test_search_knows_the_forms_of_a_word(names: Names, make_product: Callable[..., Product]) -> None:
    make_product("Men's running shoes")
    make_product("Berry dress", description="Café style")
    for search in ("shoe", "mens shoe", "men's shoes", "runs", "running", "runnin", "shoes for men"):
        assert names(search=search) == ["Men's running shoes"], search
    for search in ("berries", "berry", "dresses", "berry dresses", "cafe", "CAFÉ", "styles"):
        assert names(search=search) == ["Berry dress"], search


def test_long_words_are_found_by_beginnings_of_any_length(
    names: Names, make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    make_product("Donaudampfschiffahrt")
    make_product("Rope", description="For Dampfschiffahrtsgesellschaften")
    make_product("Anchor", category=make_category("Segelschiffahrtsbedarf"))
    for word, name in {
        "donaudampfschiffahrt": "Donaudampfschiffahrt",
        "dampfschiffahrtsgesellschaften": "Rope",
        "segelschiffahrtsbedarf": "Anchor",
    }.items():
        for letters in range(2, len(word) + 1):
            assert names(search=word[:letters]) == [name], letters
        assert names(search=f"{word} {name}") == [name]
        assert names(search=f"{word[:-1]} {name}") == names(search=f"{word[:-1]}x") == []


def test_single_letters_are_separate_words(names: Names, make_product: Callable[..., Product]) -> None:
    make_product("Vitamin C")
    make_product("Cup", description="Holds 5 dl")
    assert names(search="c") == names(search="c vitamin") == ["Vitamin C"]
    assert names(search="5") == names(search="5 cup") == ["Cup"]


def test_a_changed_product_is_found_by_its_new_words_only(
    names: Names, as_staff: APIClient, make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    kettles, pots = make_category("Kettles"), make_category("Pots")
    product = make_product("Copper one", category=kettles, description="Whistles")
    change = {"name": "Iron one", "category": pots.slug, "description": "Sings"}
    assert as_staff.patch(f"{LIST}{product.pk}/", change).status_code == 200
    for search, found in {"copper": 0, "kettle": 0, "whistle": 0, "iron": 1, "pot": 1, "sing": 1}.items():
        assert len(names(search=search)) == found, search


def test_which_words_are_rare_may_be_known_from_before_and_changes_nothing(
    names: Names, make_product: Callable[..., Product]
) -> None:
    make_product("Red kettle")
    make_product("Red pot")
    assert names(search="red kettle") == ["Red kettle"]
    for name in ("Blue kettle", "Green kettle", "Red kettle, the second"):
        make_product(name)
    with count_commands() as commands:
        assert names(search="red kettle") == ["Red kettle, the second", "Red kettle"]
    assert len(commands) == 1, str(commands)


def test_search_words_may_be_in_different_fields(names: Names, make_product: Callable[..., Product]) -> None:
    make_product("Kettle", description="Red")
    make_product("Pot", description="Red")
    assert names(search="red kettle") == ["Kettle"]
