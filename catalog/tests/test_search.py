"""Search results: stop words, compounds, other scripts, scripts without spaces, SKUs and attributes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Product, Variant
from catalog.tests.conftest import LIST
from catalog.tests.files import import_products
from shop.dev.testing.admin import without_rendering

pytestmark = pytest.mark.django_db

Make = Callable[..., Product]


@pytest.fixture
def found(anonymous: APIClient, browser: Client) -> Callable[..., list[str]]:
    """The names of the products that a search finds, which are the same in lists, by relevance, and in the admin."""

    def search(text: str, *, everywhere: bool = True) -> list[str]:
        asked = {"search": text, "page_size": 100}
        listing = anonymous.get(LIST, {**asked, "ordering": "name"}).json()
        names = [product["name"] for product in listing["results"]]
        assert listing["count"] == len(names)
        if not everywhere:
            return names
        relevant = anonymous.get(LIST, {**asked, "ordering": "relevance"}).json()
        assert sorted(product["name"] for product in relevant["results"]) == sorted(names)
        assert anonymous.get(f"{LIST}facets/", {"search": text}).json()["count"] == len(names)
        with without_rendering():
            listed = browser.get("/admin/catalog/product/", {"q": text}).context_data["cl"]
        assert sorted(product.name for product in listed.queryset) == sorted(names)
        return names

    return search


def check(found: Callable[..., list[str]], make: Make, expected: dict[str, list[str]], subtests: Any) -> None:
    """Insert the products and one that matches nothing; search for each of their texts."""
    make("Pebble", description="Grey and round")
    for name in expected:
        make(name)
    for name, searches in expected.items():
        for text in searches:
            with subtests.test(name=name, search=text):
                assert found(text, everywhere=text == searches[0]) == [name]


STOP_WORDS = {
    "Carry-on suitcase": ["carry-on", "carry on", "carryon", "carry-on suitcase", "suitcase carry-on", "carry-o"],
    "Vitamin A capsules": ["vitamin a", "vitamin A", "vitamin-a", "capsules vitamin a"],
    "USB-A cable": ["usb-a", "usb a", "usba", "USB-A cable", "cable usb-a"],
    "Lights on": ["Lights on", "lights", "lights the", "lights on the", "on lights", "lights o"],
    "Not": ["not", "Not", "no"],
    "To be or not to be": ["to be or not to be", "To be", "or not to be"],
    "The Who poster": ["the w", "the who", "who the", "the who p"],
    "Lamp with switch": ["lamp with", "the lamp with a", "lamp with switch", "lamp in", "lamp for the"],
}


def test_a_search_that_ends_in_a_stop_word_finds_something(found: Callable, make_product: Make, subtests: Any) -> None:
    for name, searches in STOP_WORDS.items():
        Product.objects.all().delete()
        check(found, make_product, {name: searches}, subtests)


def test_a_stop_word_in_a_compound_or_of_one_letter_counts(found: Callable, make_product: Make) -> None:
    for name in ("Vitamin B drops", "USB-C cable", "Carry case"):
        make_product(name)
    make_product("Gummies", description="With a lot of vitamin A")
    make_product("Cable", description="From USB-A to USB-C")
    assert found("vitamin a") == ["Gummies"]
    assert found("usb-a") == ["Cable"]
    assert found("carry-on") == []
    assert found("carry on") == ["Carry case"]


def test_the_more_relevant_of_what_a_stop_word_lets_through_comes_first(
    names: Callable[..., list[str]], make_product: Make
) -> None:
    make_product("Lights on")
    make_product("Lights off")
    make_product("Lights")
    assert names(search="lights on", ordering="relevance") == ["Lights on", "Lights", "Lights off"]


def test_words_are_found_with_and_without_their_apostrophe(found: Callable, make_product: Make, subtests: Any) -> None:
    expected = {
        "L'Oréal shampoo": ["oreal", "loreal", "l oreal", "l'oréal", "L’OREAL shampoo", "oréa"],
        "Huile d'olive": ["olive", "d'olive", "huile olive", "dolive", "huile d olive"],
        "O'Neill wetsuit": ["neill", "o neill", "oneill", "O`Neill", "o'nei", "wetsuit o'neill"],
        "Rock'n'Roll": ["rock n roll", "rocknroll", "rock'n'roll", "roll", "rock’n’r"],
        "Men's socks": ["men", "men's", "mens", "men socks", "men s", "socks men's"],
    }
    check(found, make_product, expected, subtests)


APOSTROPHES = "'’‘ʼ＇ʹ′`´"


def test_all_apostrophes_are_one(found: Callable, make_product: Make, subtests: Any) -> None:
    names = [f"D{apostrophe}Artagnan {number}" for number, apostrophe in enumerate(APOSTROPHES)]
    for name in names:
        make_product(name)
    make_product("Pebble")
    for text in ["artagnan", "dartagnan", "d artagnan", "arta", *(f"d{each}artagnan" for each in APOSTROPHES)]:
        with subtests.test(search=text):
            assert sorted(found(text, everywhere=text == "artagnan")) == sorted(names)


LETTERS = {
    "Słonecznik": ["slonecznik", "słonecznik", "SLONE", "SŁONECZNIK"],
    "Smørrebrød": ["smorrebrod", "smørrebrød"],
    "Łódź": ["lodz", "łódź", "łodz"],
    "Đặc sản": ["dac san", "đặc sản"],
    "Ærø": ["aero", "ærø"],
    "Işık": ["isik", "ışık", "IŞIK", "İŞİK"],
    "Þingvellir": ["thingvellir"],
    "Œuvre": ["oeuvre"],
    "Große Straße": ["grosse strasse", "große straße", "GROẞE"],
    "Матрёшка": ["матрёшка", "МАТРЕШКА", "matr"],
    "हिन्दी": ["हिन्दी", "हिन्"],
    "كتاب ٣": ["كتاب", "کتاب", "3", "كِتَاب"],
    "שָׁלוֹם": ["שלום", "שָׁלוֹם", "שלו"],
    "Col·lecció": ["colleccio", "col leccio", "col·lecció", "coŀlecció"],
    "Kaffee\u00adkanne": ["kaffeekanne", "kaffee\u200bkanne"],
    "Acme™ anvil": ["acme anvil", "acme™ anvil"],
}


def test_letters_are_folded_whether_unicode_decomposes_them_or_not(
    found: Callable, make_product: Make, subtests: Any
) -> None:
    check(found, make_product, LETTERS, subtests)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Smørrebrød & øl", "smorrebrod-ol"),
        ("Işık", "isik"),
        ("Матрёшка", "matreshka"),
        ("香港茶", "xianggangcha"),
        ("Café ☕ Ærø", "cafe-aero"),
        ("☕", "product"),
    ],
)
def test_a_slug_keeps_the_letters_of_the_name(make_product: Make, name: str, slug: str) -> None:
    assert make_product(name).slug == slug


def test_names_are_sorted_by_the_letters_they_look_like(
    names: Callable[..., list[str]], browser: Client, make_product: Make
) -> None:
    wanted = ["Ærø", "apple", "Đặc", "Dog", "Egg", "Işık", "Jam", "lamp", "Łódź", "öl", "Øre", "Zebra", "Борщ", "щи"]
    for name in reversed(wanted):
        make_product(name)
    assert names(ordering="name") == wanted
    listed = browser.get("/admin/catalog/product/", {"o": "1"}).context["cl"]
    assert [product.name for product in listed.queryset] == wanted


UNSPACED = {
    "香港罗汉果茶": ["罗汉果", "茶", "香港", "罗汉果茶", "香港罗汉果茶", "汉果"],
    "ガラスコーヒーカップ": ["カップ", "コーヒー", "ガラス", "ｶｯﾌﾟ", "コーヒーカップ"],
    "น้ำมันมะพร้าว": ["มะพร้าว", "น้ำมัน", "พร้าว"],
    "ຊາຂຽວ": ["ຂຽວ"],
    "កាហ្វេទឹកដោះគោ": ["ទឹកដោះគោ"],
    "ရေနွေးအိုး": ["အိုး"],
    "おいしいみず": ["みず", "いしい"],
    "ビール・ワイン": ["ワイン", "ビールワイン", "ビール ワイン", "ﾋﾞｰﾙ･ﾜｲﾝ", "ビール-ワイン"],
    "USB・HDMI変換": ["usb", "hdmi", "変換", "HDMI変換"],
    "iPhone手机壳 15": ["手机壳", "iphone", "iphone 手机", "手机 iphone15", "机壳"],
}


def test_scripts_without_spaces_are_found_from_anywhere(found: Callable, make_product: Make, subtests: Any) -> None:
    check(found, make_product, UNSPACED, subtests)


def test_characters_must_be_adjacent_to_be_found(found: Callable, make_product: Make) -> None:
    make_product("罗汉茶 果")
    make_product("カラス", description="黒い鳥")
    assert found("罗汉果") == found("汉罗") == found("ガラス") == []
    assert found("罗汉 果") == ["罗汉茶 果"]
    assert found("黒い鳥") == ["カラス"]


COMPOUNDS = {
    "Soap 50ml": ["50ml", "50 ml", "soap 50ml", "50 ml soap", "50-ml"],
    "Shampoo 75 ml": ["75ml", "75 ml", "shampoo 75ml"],
    "T-shirt": ["tshirt", "t-shirt", "t shirt", "tshirts", "T-Shirts", "t‑shirt", "t-sh", "tsh"],
    "Ushirt": ["ushirt", "u-shirt", "u shirt"],
    "V shirt": ["vshirt", "v-shirt"],
    "Wi-Fi router": ["wifi", "wi-fi", "wi fi", "wifi router", "router wi-fi"],
    "Lifi lamp": ["lifi", "li-fi", "li fi"],
    "Phone 15 case": ["phone15", "phone 15", "phone-15"],
    "Mat H&M": ["h&m", "hm", "h m"],
    "Size 3.5 nail": ["3.5", "3.5 nail"],
    "Photo 10x15cm": ["10x15", "10 x 15", "10×15cm", "10 x 15 cm photo", "photo 10x15 cm", "10X15CM"],
    "Frame 21 x 31 cm": ["21x31", "21x31cm", "frame 21×31", "21 x 31 cm"],
    "Box 12×22×32": ["12x22x32", "12 x 22 x 32", "box 12x22x32"],
    "Coffee 8in1": ["8in1", "8-in-1", "8 in 1", "8 in 1 coffee"],
    "Tool 9 in 1": ["9in1", "9-in-1", "9in1 tool"],
    "Rug 6 m²": ["6m2", "6 m2", "6m²", "rug 6m2"],
}


def test_compounds_are_found_written_as_one_word_and_as_several(
    found: Callable, make_product: Make, subtests: Any
) -> None:
    check(found, make_product, COMPOUNDS, subtests)


def test_a_word_of_which_one_letter_is_typed_narrows_and_does_not_empty_the_list(
    found: Callable, make_product: Make
) -> None:
    make_product("Linen tablecloth")
    make_product("Linen shirt")
    make_product("Linen napkin", description="Goes with a tablecloth")
    assert len(found("linen")) == 3
    assert found("linen t") == ["Linen napkin", "Linen tablecloth"]
    assert found("linen x") == found("t") == []


def test_every_beginning_of_a_search_for_a_name_finds_it(names: Callable[..., list[str]], make_product: Make) -> None:
    for name in ("Linen tea towel, 2 m", "Carry-on for the USB-A", "L'Oréal 50ml 罗汉果"):
        make_product(name)
        for letters in range(3, len(name) + 1):
            assert name in names(search=name[:letters]), name[:letters]


# --- SKUs, attributes and options -------------------------------------------------------------------------------------


def test_skus_attributes_and_options_are_found(found: Callable, make_product: Make) -> None:
    make_product("Pebble")
    make_product(
        "Shirt",
        attributes={"material": "Łódź linen", "brand": "O'Neill"},
        variants=[
            {"sku": "AB-12/X.7", "options": {"size": "XL", "colour": "crimson"}, "price": "1"},
            {"sku": "KLM_90210", "options": {"size": "S", "colour": "navy blue"}, "price": "1"},
            {"sku": "PLAIN", "options": {"size": "M"}, "price": "1"},
        ],
    )
    for text in ("linen", "lodz", "oneill", "neill shirt", "crimson shirt", "xl", "navy", "shirt navy blu"):
        assert found(text) == ["Shirt"], text
    for text in ("AB-12/X.7", "ab12x7", "ab-12", "klm_90210", "KLM 90210", "klm9", "plain", "PLAIN", "shirt klm_90210"):
        assert found(text) == ["Shirt"], text
    for text in ("material", "size", "brand", "ab-13", "klm91", "plainx"):
        assert found(text) == [], text


def test_brands_tags_and_barcodes_are_found(as_staff: APIClient, found: Callable, make_product: Make) -> None:
    make_product("Pebble")
    shirt = make_product("Shirt", brand="Łódź Mills", tags=["summer-sale"])
    variant = Variant.objects.get(product=shirt)
    change = as_staff.patch(f"/api/v1/variants/{variant.pk}/", {"barcode": "4006381333931"}, format="json")
    assert change.status_code == 200, change.content
    for text in ("lodz", "mills shirt", "summer", "summer-sale", "4006381333931", "40063", "shirt 4006381333931"):
        assert found(text) == ["Shirt"], text
    assert as_staff.patch(f"{LIST}{shirt.pk}/", {"brand": "Acme", "tags": []}, format="json").status_code == 200
    assert found("lodz") == found("summer") == found("4006381333932") == []
    assert found("acme") == ["Shirt"]


def test_all_of_very_many_skus_are_found(names: Callable[..., list[str]], make_product: Make) -> None:
    variants = [{"sku": f"LOT-{n}-Q", "options": {"n": f"no {n}"}, "price": "1"} for n in range(100)]
    make_product("Shirt", variants=variants)
    for sku in ("LOT-0-Q", "lot99q", "lot-57-q"):
        assert names(search=sku) == ["Shirt"]
    assert names(search="lot-100-q") == []


def test_a_changed_variant_is_found_by_what_it_is_now(as_staff: APIClient, found: Callable, make_product: Make) -> None:
    make_product("Shirt", variants=[{"sku": "OLD-1", "options": {"colour": "crimson"}, "price": "1"}])
    variant = Variant.objects.get()
    change = {"sku": "NEW-2", "options": {"colour": "azure"}}
    assert as_staff.patch(f"/api/v1/variants/{variant.pk}/", change, format="json").status_code == 200
    assert found("old-1") == found("crimson") == []
    assert found("new-2") == found("azure") == ["Shirt"]


def test_a_variant_that_left_is_not_found_and_a_new_one_is(
    as_staff: APIClient, found: Callable, make_product: Make
) -> None:
    shirt = make_product("Shirt", attributes={"fit": "slim"}, variants=[{"sku": "OLD-1", "price": "1"}])
    change = {"variants": [{"sku": "NEW-2", "price": "1", "stock": 1}], "attributes": {"fit": "wide"}}
    assert as_staff.patch(f"{LIST}{shirt.pk}/", change, format="json").status_code == 200
    assert found("old-1") == found("slim") == []
    assert found("new-2") == found("wide") == ["Shirt"]


def test_imported_skus_attributes_and_options_are_found(found: Callable, make_product: Make, tmp_path: Any) -> None:
    make_product("Shirt", slug="shirt", attributes={"fit": "slim"}, variants=[{"sku": "OLD-1", "price": "1"}])
    import_products(tmp_path, [{"sku": "OLD-1", "attr:fit": "wide"}])
    import_products(tmp_path, [{"sku": "NEW-2", "slug": "shirt", "price": "2", "option:size": "gigantic"}])
    assert found("slim") == []
    assert found("old-1") == found("new-2") == found("gigantic") == found("wide") == ["Shirt"]


def test_the_admin_lists_a_product_by_its_sku_alone_and_by_its_words_with_others(
    browser: Client, make_product: Make
) -> None:
    make_product("Olive oil")
    make_product("Huile d'olive", sku="OLIVE-7")

    def listed(text: str) -> list[str]:
        found = browser.get("/admin/catalog/product/", {"q": text}).context["cl"].queryset
        return sorted(product.name for product in found)

    assert listed("olive") == ["Huile d'olive", "Olive oil"]
    assert listed("OLIVE-7") == ["Huile d'olive"]
    Variant.objects.filter(sku="OLIVE-7").update(is_active=False, sku="GONE-7", sku_key="gone-7")
    assert listed("gone") == ["Huile d'olive"]
