"""Typing errors in a search that finds nothing, and the vocabulary that they are corrected to."""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from catalog import services
from catalog.listing.corrections import MAX_COMPARED, MAX_CORRECTED_WORDS
from catalog.models import Category, Product
from catalog.tests.conftest import LIST, put_on_shelf
from catalog.typing_errors import errors, keys_of_one_error, keys_of_two_errors, stored_keys
from catalog.vocabulary import upkeep
from catalog.vocabulary.models import SearchWord
from shop.audit import violations
from shop.db import caches
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import Profile, profiled
from shop.dev.testing.replies import refusal
from shop.dev.testing.tasks import run_task
from shop.jobs import timing

pytestmark = pytest.mark.django_db

FACETS = f"{LIST}facets/"
Make = Callable[..., Product]


@pytest.fixture
def wardrobe(make_product: Make, make_category: Callable[..., Category]) -> None:
    clothes = make_category("Clothes")
    make_product("Red hoodie", category=clothes, sku="HDX-2231", attributes={"fabric": "Corduroy"})
    make_product("T-shirt", category=clothes, variants=[{"sku": "TS-1", "options": {"cut": "slim"}, "price": "1"}])
    make_product("Blue hoodies", description="Extraordinary comfort", category=clothes)
    make_product("Mug", description="Made of stoneware, and of no use to the bald")
    run_task("catalog.new_words")


def read(client: APIClient, **parameters: Any) -> tuple[list[str], str | None]:
    """Return the names found and the corrected query, which are the same in every order, and in the facets."""
    replies = [
        client.get(LIST, {**parameters, "ordering": ordering}).json() for ordering in ("name", "newest", "relevance")
    ]
    found = [sorted(product["name"] for product in reply["results"]) for reply in replies]
    facets = client.get(FACETS, parameters).json()
    assert found[0] == found[1] == found[2]
    assert {reply["count"] for reply in (*replies, facets)} == {len(found[0])}
    (corrected,) = {reply["corrected_query"] for reply in (*replies, facets)}
    return found[0], corrected


HOODIES = ["Blue hoodies", "Red hoodie"]
CORRECTED = {
    # A letter exchanged, missing, too many, wrong; while typing; several words; another spelling of the others.
    "hoddie": ("hoodie", HOODIES),
    "hodie": ("hoodie", HOODIES),
    "hoodiey": ("hoodie", HOODIES),
    "HOODYE": ("hoodie", HOODIES),
    "ohodie": ("hoodie", HOODIES),
    "hoodei": ("hoodie", HOODIES),
    "hoddies": ("hoodies", HOODIES),
    "hoddi": ("hoodie", HOODIES),
    "hodi": ("hoodie", HOODIES),
    "red hoddie": ("red hoodie", ["Red hoodie"]),
    "Blúe hoddie": ("Blúe hoodie", ["Blue hoodies"]),
    "hoddie clohtes": ("hoodie clothes", HOODIES),
    "t-shrit": ("t-shirt", ["T-shirt"]),
    "tshrit": ("tshirt", ["T-shirt"]),
    "hodie's": ("hoodie", HOODIES),
    # Two errors in long words, which may be of a description, an attribute or an option.
    "extrordinray": ("extraordinary", ["Blue hoodies"]),
    "xetraordnary": ("extraordinary", ["Blue hoodies"]),
    "corudroi": ("corduroy", ["Red hoodie"]),
    "stonwear": ("stoneware", ["Mug"]),
    "slimm": ("slim", ["T-shirt"]),
    "mugg": ("mug", ["Mug"]),
    # Short words, SKUs, what no word resembles, known words that no product has together, and too many errors.
    "mgu": None,
    "rde": None,
    "hdx-2213": None,
    "hddx 2231x": None,
    "hoddie2": None,
    "zebra": None,
    "hoddie zebra": None,
    "red stoneware": None,
    "xtrrdinary": None,
    "xxtrordinry": None,
    # Words that an exact search finds are left as they are.
    "red": (None, ["Red hoodie"]),
    "hood": (None, HOODIES),
    "hoodiee": (None, ["Red hoodie"]),
    "HDX-2231": (None, ["Red hoodie"]),
}


def test_typing_errors_are_forgiven_if_nothing_matches(
    anonymous: APIClient, wardrobe: None, subtests: pytest.Subtests
) -> None:
    for text, expected in CORRECTED.items():
        corrected, found = expected or (None, [])
        with subtests.test(search=text):
            assert read(anonymous, search=text) == (found, corrected)
    assert anonymous.get(LIST).json()["corrected_query"] is None


def test_a_correction_is_that_of_the_search_alone_and_keeps_filters_and_pages(
    anonymous: APIClient, wardrobe: None
) -> None:
    assert read(anonymous, search="hoddie", category="clothes") == (HOODIES, "hoodie")
    assert read(anonymous, search="hoddie", in_stock="false") == ([], "hoodie")
    assert read(anonymous, search="hoodie", in_stock="false") == ([], None)
    first = anonymous.get(LIST, {"search": "hoddie", "page_size": 1}).json()
    second = anonymous.get(first["next"]).json()
    assert [each["name"] for page in (first, second) for each in page["results"]] == ["Blue hoodies", "Red hoodie"]
    assert (second["corrected_query"], second["next"]) == ("hoodie", None)
    assert anonymous.get(LIST, {"search": "hoddie", "page": 3}).status_code == 404


def test_the_nearest_word_is_preferred_then_the_most_frequent(anonymous: APIClient, make_product: Make) -> None:
    for name in ("Stoneware", "Stonewort", "Stonewort two", "Bowl", "Bolt", "Bolt two"):
        make_product(name)
    run_task("catalog.new_words")
    assert read(anonymous, search="bowlt")[1] == "bolt"
    assert read(anonymous, search="stonewarf")[1] == "stoneware"
    make_product("Bowl two"), make_product("Bowl three")
    run_task("catalog.count_words")
    caches.clear_all()
    assert read(anonymous, search="bowlt")[1] == "bowl"


def test_a_correction_costs_two_commands_more_and_is_remembered(
    anonymous: APIClient, wardrobe: None, subtests: pytest.Subtests
) -> None:
    expected = {"hoodie": 1, "hoddie": 3, "zebra": 2, "mgu": 1, "hdx-2213": 1, "red": 1, "a1-b2": 1}
    for text, number in expected.items():
        with subtests.test(search=text), count_commands() as commands:
            anonymous.get(LIST, {"search": text})
        assert len(commands) == number, (text, str(commands))
    with count_commands() as commands:
        anonymous.get(LIST, {"search": "hoddie", "page": 1})
    assert len(commands) == 2
    with count_commands() as commands:
        assert anonymous.get(LIST, {"search": "hoddie", "category": "clothes"}).json()["count"] == 2
    assert commands.on(SearchWord._meta.db_table) == []


# --- The vocabulary ---------------------------------------------------------------------------------------------------


def words() -> dict[str, int]:
    return dict(SearchWord.objects.values_list("word", "products"))


def test_the_worker_keeps_the_vocabulary_up_to_date(
    anonymous: APIClient, wardrobe: None, make_product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = words()
    assert known["hoodie"] == known["hoodies"] == 1
    assert known["clothes"] == 3
    assert known["tshirt"] == 1
    assert {"the", "and", "of", "no", "cut", "fabric", "hdx", "hoodi"}.isdisjoint(known)
    services.set_active([Product.objects.get(name="Mug")], is_active=False)
    make_product("Grey hoodie", description="The same; a hoodie")
    # One product and one chunk of words at a time; the last slice is repeated, as after a kill.
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0)
    monkeypatch.setattr(upkeep, "PRODUCTS_READ", 1)
    monkeypatch.setattr(upkeep, "WORDS_COUNTED", 2)
    assert run_task("catalog.new_words") > 4
    assert words() == known | {"grey": 1, "same": 1}
    assert read(anonymous, search="stonewear") == ([], "stoneware")
    upkeep.count_words("hoo")
    assert run_task("catalog.count_words") > 8
    gone = {"mug", "made", "stoneware", "use", "bald"}
    assert words() == {word: number for word, number in known.items() if word not in gone} | {
        "grey": 1, "same": 1, "hoodie": 2
    }  # fmt: skip
    caches.clear_all()
    assert read(anonymous, search="stonewear") == ([], None)
    # What is lost comes back.
    SearchWord.objects.filter(word__in=["hoodie", "shirt"]).delete()
    run_task("catalog.count_words")
    assert words()["hoodie"] == 2
    assert words()["shirt"] == 1
    assert violations() == []
    SearchWord.objects.filter(word="shirt").update(keys=[])
    assert "the word shirt has outdated keys" in str(violations())


# --- Limits -----------------------------------------------------------------------------------------------------------


def neighbours(word: str, number: int) -> Iterator[str]:
    """Yield words that differ from a word in its end: all resemble it."""
    for letters in itertools.product("bcdfghjklm", repeat=number):
        yield word + "".join(letters)


def test_a_correction_compares_a_limited_number_of_words(anonymous: APIClient, subtests: pytest.Subtests) -> None:
    crowd = [*neighbours("extraord", 3), *neighbours("hood", 2), *neighbours("strato", 2)]
    connection.database[SearchWord._meta.db_table].insert_many(
        {"_id": word, "products": at % 7, "keys": stored_keys(word)} for at, word in enumerate(crowd)
    )
    put_on_shelf(*({"name": f"Plain {n}"} for n in range(300)))
    hostile = "extraordxyz stratoyz hoodyy hooodx extraordzzz stratoxxbb"
    for text in ("hoodyx", "stratozz", "extraordxyz", hostile, "x" * 60, "plain hoodyx"):
        caches.clear_all()
        with subtests.test(search=text), profiled() as profiles:
            assert anonymous.get(LIST, {"search": text}).status_code == 200
        looked_up = [each for each in profiles if each.collection == SearchWord._meta.db_table]
        assert len(looked_up) == 1
        assert_bounded(looked_up[0], words=len(text.split()))


def assert_bounded(profile: Profile, *, words: int) -> None:
    assert not profile.scans_collection, profile
    assert not profile.sorts_in_memory, profile
    assert profile.documents <= 2 * MAX_COMPARED * words, profile
    # A word is found by several of its keys.
    assert profile.keys <= 25 * MAX_COMPARED * words, profile


def test_hostile_searches_are_not_corrected(anonymous: APIClient, wardrobe: None, subtests: pytest.Subtests) -> None:
    many = " ".join("".join(letters) for letters in itertools.islice(itertools.product("qxzj", repeat=4), 40))
    hostile = [
        many,
        "hod.*",
        "^hood[a-z]+$",
        "(((((",
        "hoodi\\",
        "$where",
        "{$ne:1}",
        "罗汉果茶罗",
        "мужик",
        "ﷺ" * 100,
        "é" * 200,
    ]
    for text in hostile:
        with subtests.test(search=text[:20]), count_commands() as commands:
            reply = anonymous.get(LIST, {"search": text})
            assert reply.status_code == 200
        assert len(commands) <= 4
        assert len(str(commands)) < 100_000
        assert reply.json()["results"] == [] or reply.json()["corrected_query"] in ("hood", None)
    assert len(many.split()) > MAX_CORRECTED_WORDS
    assert refusal(anonymous.get(LIST, {"search": "x" * 1_000}), 400)
    assert refusal(anonymous.get(LIST, {"search": "hoddi\0e"}), 400)


# --- Similar words ----------------------------------------------------------------------------------------------------


def reference(a: str, b: str) -> int:
    """The optimal string alignment distance, without limits."""
    rows = [[i + j if not (i and j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i, j in itertools.product(range(1, len(a) + 1), range(1, len(b) + 1)):
        ways = [rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1])]
        if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
            ways.append(rows[i - 2][j - 2] + 1)
        rows[i][j] = min(ways)
    return rows[-1][-1]


def mutated(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    letter = chance.choice("abc")
    return chance.choice(
        [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :],
         word[:at] + word[at : at + 2][::-1] + word[at + 2 :]]
    )  # fmt: skip


def test_similar_words_share_a_key_and_errors_are_counted_exactly() -> None:
    chance = random.Random(5)
    for _ in range(1_500):
        word = "".join(chance.choices("abcd", k=chance.randint(3, 14)))
        once = mutated(word, chance)
        twice = mutated(once, chance) if once else ""
        for typed in (once, twice):
            assert min(errors(typed, word, most=2), 3) == min(reference(typed, word), 3), (typed, word)
        if len(once) >= 4:
            assert not set(stored_keys(word)).isdisjoint(keys_of_one_error(once, is_beginning=False)), (once, word)
        if len(twice) >= 8:
            assert not set(stored_keys(word)).isdisjoint(keys_of_two_errors(twice)), (twice, word)
        if len(word) > 5 and len(start := mutated(word[:5], chance)) >= 4:
            assert not set(stored_keys(word)).isdisjoint(keys_of_one_error(start, is_beginning=True)), (start, word)
        assert len(stored_keys(word)) <= 63
        assert max(map(len, stored_keys(word))) <= 9
