"""The address book."""

from typing import Any

import pytest
from bson import ObjectId
from rest_framework.test import APIClient

from accounts.models import Address
from conftest import ADDRESS
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import run_concurrently

pytestmark = pytest.mark.django_db

URL = "/api/v1/users/me/addresses/"
FIELDS = "id name company tax_id line1 line2 city state postal_code country phone is_default".split()


def add(client: APIClient, **fields: object) -> dict:
    reply = client.post(URL, {**ADDRESS, **fields})
    assert reply.status_code == 201, reply.content
    return reply.json()


def defaults(client: APIClient) -> list[str]:
    return [entry["id"] for entry in client.get(URL).json()["results"] if entry["is_default"]]


def test_an_address_is_kept_as_it_was_given(as_customer: APIClient) -> None:
    entry = add(as_customer, line2="Flat 3", state="London", phone="+44 20 7946 0000")
    assert list(entry) == FIELDS
    assert {name: entry[name] for name in ADDRESS} == ADDRESS
    assert as_customer.get(f"{URL}{entry['id']}/").json() == entry
    assert as_customer.get(URL).json() == {
        "count": 1,
        "count_exact": True,
        "next": None,
        "previous": None,
        "results": [entry],
    }


def test_users_see_their_own_addresses_newest_first(as_customer: APIClient, as_stranger: APIClient) -> None:
    mine = [add(as_customer, name=name)["id"] for name in ("A", "B", "C")]
    add(as_stranger)
    assert [entry["id"] for entry in as_customer.get(URL).json()["results"]] == mine[::-1]


def test_the_list_comes_in_pages(as_customer: APIClient) -> None:
    mine = [add(as_customer, name=name)["id"] for name in "ABCDE"]
    seen, url = [], f"{URL}?page_size=2"
    while url:
        page = as_customer.get(url).json()
        assert page["count"] == 5
        seen += [entry["id"] for entry in page["results"]]
        url = page["next"]
    assert seen == mine[::-1]
    for bad in ("4", "0", "-1", "abc", "9" * 30, "1e3", "%00"):
        assert refusal(as_customer.get(f"{URL}?page_size=2&page={bad}"), 404) == ("not_found", None)


def test_put_and_patch_change_what_they_name(as_customer: APIClient) -> None:
    entry = add(as_customer, line2="Flat 3")
    other = add(as_customer, name="Other")
    url = f"{URL}{entry['id']}/"
    patched = as_customer.patch(url, {"city": "Bath"})
    assert (patched.status_code, patched.json()) == (200, {**entry, "city": "Bath"})
    put = as_customer.put(url, {**ADDRESS, "name": "Countess"})
    assert put.status_code == 200
    assert (put.json()["name"], put.json()["city"]) == ("Countess", "London")
    assert as_customer.get(url).json() == put.json()
    assert as_customer.get(f"{URL}{other['id']}/").json() == other
    assert refusals(as_customer.put(url, {"name": "Only"}), 400) == [
        ("required", "line1"),
        ("required", "country"),
    ]


def test_a_deleted_address_is_gone_and_the_others_stay(as_customer: APIClient) -> None:
    first, second = add(as_customer), add(as_customer)
    assert as_customer.delete(f"{URL}{first['id']}/").status_code == 204
    assert as_customer.get(f"{URL}{first['id']}/").status_code == 404
    assert as_customer.delete(f"{URL}{first['id']}/").status_code == 404
    assert [entry["id"] for entry in as_customer.get(URL).json()["results"]] == [second["id"]]


# --- The default ------------------------------------------------------------------------------------------------------


def test_the_first_address_is_the_default_and_a_later_one_only_on_request(as_customer: APIClient) -> None:
    first = add(as_customer)
    assert first["is_default"] is True
    assert add(as_customer)["is_default"] is False
    assert defaults(as_customer) == [first["id"]]


def test_a_new_default_takes_the_place_of_the_old_one(as_customer: APIClient, as_stranger: APIClient) -> None:
    strangers = add(as_stranger)
    add(as_customer)
    second = add(as_customer, is_default=True)
    third = add(as_customer)
    assert defaults(as_customer) == [second["id"]]
    assert as_customer.patch(f"{URL}{third['id']}/", {"is_default": True}).json()["is_default"] is True
    assert defaults(as_customer) == [third["id"]]
    assert defaults(as_stranger) == [strangers["id"]]


def test_the_only_address_stays_the_default(as_customer: APIClient) -> None:
    only = add(as_customer)
    as_customer.patch(f"{URL}{only['id']}/", {"is_default": False})
    assert defaults(as_customer) == [only["id"]]


def test_an_edit_that_does_not_mention_the_default_leaves_it(as_customer: APIClient) -> None:
    first, second = add(as_customer), add(as_customer)
    as_customer.put(f"{URL}{first['id']}/", ADDRESS)
    as_customer.patch(f"{URL}{second['id']}/", {"city": "Bath"})
    assert defaults(as_customer) == [first["id"]]


def test_addresses_that_become_the_default_at_once_leave_one_default(as_customer: APIClient) -> None:
    add(as_customer)
    with failing("insert", Address, times=4, blockConnection=True, blockTimeMS=50):
        run_concurrently(*[lambda: add(as_customer, is_default=True)] * 4)
    assert Address.objects.count() == 5
    assert len(defaults(as_customer)) == 1


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("country", "XX", "invalid"),
        ("country", "G8", "invalid"),
        ("country", "GBR", "max_length"),
        ("country", "", "blank"),
        ("phone", "abc", "invalid"),
        ("name", "n" * 121, "max_length"),
        ("line1", None, "null"),
        ("city", {"$gt": ""}, "invalid"),
        ("postal_code", "1" * 21, "max_length"),
        ("postal_code", " ", "required"),
        ("city", None, "required"),
        ("company", "c" * 121, "max_length"),
        ("tax_id", "GB 980 7806 85", "invalid_tax_id"),
        ("is_default", "maybe", "invalid"),
    ],
)
def test_an_address_that_cannot_be_is_refused(as_customer: APIClient, field: str, value: object, code: str) -> None:
    assert (code, field) in refusals(as_customer.post(URL, {**ADDRESS, field: value}), 400)
    assert not Address.objects.exists()


NEEDED = {
    "US": {"city", "state", "postal_code"},
    "JP": {"state", "postal_code"},
    "HK": {"state"},
    "SG": {"postal_code"},
    "IE": {"city"},
    "XK": {"city"},
}


def test_a_country_decides_which_fields_its_addresses_need(as_customer: APIClient, subtests: pytest.Subtests) -> None:
    for country, needed in NEEDED.items():
        with subtests.test(country):
            bare = {"name": "Ada", "line1": "1 Main Street", "country": country}
            found = refusals(as_customer.post(URL, bare), 400)
            assert set(found) == {("required", name) for name in needed}
            filled = bare | dict.fromkeys(needed, "CA" if country == "US" else "9")
            entry = as_customer.post(URL, filled).json()
            for name in needed:
                assert refusal(as_customer.patch(f"{URL}{entry['id']}/", {name: ""}), 400) == ("required", name)
            # A change of the country needs what the new one needs.
            url = f"{URL}{entry['id']}/"
            assert {"required"} == {
                code for code, _ in refusals(as_customer.patch(url, {"country": "US", "state": "", "city": ""}), 400)
            }
            assert as_customer.get(url).json() == entry
            # Addresses of an earlier release can be changed in part.
            Address.objects.update(city="", state="", postal_code="")
            assert as_customer.patch(url, {"line1": "2 Main Street"}).status_code == 200
            Address.objects.all().delete()


TAX_IDS = [
    ("DE", "de 136 695 976", "DE136695976"),
    ("DE", "DE136695978", None),
    # A company of another member state.
    ("AT", "DE136695976", "DE136695976"),
    ("GR", "094259216", "EL094259216"),
    ("GB", "GB 980 7806 84", "980780684"),
    ("GB", "XI 980780684", "XI980780684"),
    ("US", "04-2103594", "042103594"),
    ("US", "1", None),
    ("BR", "390.533.447-05", "39053344705"),
    ("IT", "RCCMNL83S18D969H", "RCCMNL83S18D969H"),
    ("AU", "51 824 753 556", "51824753556"),
    # Of an unknown format.
    ("AQ", " South 1 ", "South 1"),
    ("DE", " ", ""),
]


def test_a_tax_number_has_the_format_of_its_country(as_customer: APIClient, subtests: pytest.Subtests) -> None:
    url = f"{URL}{add(as_customer)['id']}/"
    for country, typed, kept in TAX_IDS:
        with subtests.test(f"{typed} in {country}"):
            body = {"country": country, "tax_id": typed, "state": "CA" if country == "US" else "SP"}
            reply = as_customer.patch(url, body)
            if kept is None:
                assert refusal(reply, 400) == ("invalid_tax_id", "tax_id")
            else:
                assert (reply.status_code, reply.json()["tax_id"]) == (200, kept)
    as_customer.patch(url, {"country": "DE", "tax_id": "DE136695976"})
    assert refusal(as_customer.patch(url, {"country": "US", "state": "CA"}), 400) == ("invalid_tax_id", "tax_id")


def test_an_address_book_has_an_end(as_customer: APIClient, as_stranger: APIClient, settings: Any) -> None:
    settings.MAX_ADDRESSES = 2
    first, second = add(as_customer), add(as_customer, is_default=True)
    reply = as_customer.post(URL, {**ADDRESS, "is_default": True})
    assert refusal(reply, 400) == ("address_book_full", None)
    assert [entry["id"] for entry in as_customer.get(URL).json()["results"]] == [second["id"], first["id"]]
    assert defaults(as_customer) == [second["id"]]

    add(as_stranger)
    as_customer.delete(f"{URL}{first['id']}/")
    add(as_customer)


def test_of_many_addresses_at_once_no_more_than_fit_are_kept(as_customer: APIClient, settings: Any) -> None:
    settings.MAX_ADDRESSES = 3
    statuses = run_concurrently(*[lambda: as_customer.post(URL, ADDRESS).status_code] * 6)
    assert (Address.objects.count(), statuses.count(201)) == (3, 3)
    assert set(statuses) == {201, 400}


def test_fields_that_the_server_owns_are_ignored(as_customer: APIClient, as_stranger: APIClient) -> None:
    strangers = add(as_stranger)
    entry = add(as_customer, id=strangers["id"], user=str(Address.objects.get().user_id))
    assert entry["id"] != strangers["id"]
    assert as_stranger.get(URL).json()["results"] == [strangers]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_user_s_address_answers_like_one_that_does_not_exist(
    as_customer: APIClient, as_stranger: APIClient, as_staff: APIClient, method: str
) -> None:
    mine = add(as_customer)
    for other in (as_stranger, as_staff):
        request = {"X-Request-ID": "one-and-the-same"}
        theirs = getattr(other, method)(f"{URL}{mine['id']}/", ADDRESS, headers=request)
        nobodys = getattr(other, method)(f"{URL}{ObjectId()}/", ADDRESS, headers=request)
        assert refusal(theirs, 404) == ("not_found", None)
        assert theirs.content == nobodys.content
        assert dict(theirs.headers) == dict(nobodys.headers)
    assert as_customer.get(URL).json()["results"] == [mine]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_malformed_id_in_the_path_is_404(as_customer: APIClient, method: str, subtests: pytest.Subtests) -> None:
    add(as_customer)
    for bad in ("1", "abc", "0" * 23, "0" * 25, "z" * 24, "%00", "..", "$ne", "a%2Fb", "%F0%9F"):
        with subtests.test(bad):
            assert refusal(getattr(as_customer, method)(f"{URL}{bad}/", ADDRESS), 404) == ("not_found", None)
    assert Address.objects.count() == 1
