"""The life of a row that staff edit by REST, as the admin and the log show it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database


class Resource(NamedTuple):
    """``refused`` are changes of the created row, each with the code and the attribute of its error."""

    path: str
    # In the admin, such as "orders.taxrate".
    model: str
    body: Mapping[str, Any]
    change: Mapping[str, Any]
    refused: tuple[tuple[Mapping[str, Any], str, str | None], ...]
    # In the log after the change.
    label: str
    # In the reply, of what is written otherwise.
    shown: Mapping[str, Any] = {}
    # The path parameter.
    key: str = "id"
    is_deletable: bool = True


class People(NamedTuple):
    boss: User
    client: APIClient
    # Customers, and staff who may view the rows, and who may do something else.
    customer: APIClient
    reader: APIClient
    stranger: APIClient


def people_for(resource: Resource, make_user: Callable[..., User]) -> People:
    app, model = resource.model.split(".")
    boss = make_user(is_staff=True, is_superuser=True)
    return People(
        boss=boss,
        client=client_of(boss),
        customer=client_of(make_user()),
        reader=client_of(allow(make_user(), f"{app}.view_{model}")),
        stranger=client_of(allow(make_user(), "payments.view_refund")),
    )


def live_through(resource: Resource, make_user: Callable[..., User]) -> None:
    people = people_for(resource, make_user)
    client, browser = people.client, browser_of(people.boss)
    address = f"{API}/{resource.path}/"
    created = client.post(address, resource.body)
    assert created.status_code == 201, created.content
    row, expected = created.json(), {**resource.body, **resource.shown}
    assert {name: row[name] for name in expected} == expected
    at = f"{address}{row[resource.key]}/"
    _read(resource, people, browser, row, at)
    _refuse(resource, people, at)

    first = created["ETag"]
    changed = client.patch(at, resource.change, headers={"If-Match": f'W/{first}, "other"'})
    assert changed.status_code == 200, changed.content
    after = {**row, **changed.json()}
    assert changed["ETag"] != first
    at = f"{address}{after[resource.key]}/"
    assert client.get(at).json() == changed.json()
    # The same again changes nothing, and is not logged.
    before = dump_database()
    assert client.patch(at, resource.change, headers={"If-Match": "*"}).json() == changed.json()
    for stale in (client.patch(at, resource.body, headers={"If-Match": first}), _delete(client, at, resource, first)):
        assert refusal(stale, 409) == ("edit_conflict", None)
    assert dump_database() == before
    replaced = client.put(at, {**resource.body, **resource.change}, headers={"If-Match": changed["ETag"]})
    assert (replaced.status_code, replaced["ETag"]) == (200, changed["ETag"]), replaced.content
    logged = ["add", "change"]
    if resource.is_deletable:
        assert client.delete(at, headers={"If-Match": changed["ETag"]}).status_code == 204
        assert client.get(at).status_code == client.delete(at).status_code == 404
        logged.append("delete")
    rows = list(StaffAction.objects.filter(model=resource.model, object_id=row["id"]).order_by("pk"))
    assert [each.action for each in rows] == logged
    assert {(each.staff, each.via) for each in rows} == {(str(people.boss.pk), "api")}
    assert rows[-1].label == resource.label


def _read(resource: Resource, people: People, browser: Client, row: Mapping[str, Any], at: str) -> None:
    address = f"{API}/{resource.path}/"
    page = people.reader.get(address)
    assert page.status_code == 200, page.content
    # A list that was there before has no pages.
    rows = page.json() if isinstance(page.json(), list) else page.json()["results"]
    assert row in rows
    assert people.reader.get(at).json() == people.reader.get(f"{address}{row['id']}/").json() == row
    assert browser.get(url_of(resource.model, "change", row["id"])).status_code == 200
    assert row["id"] in browser.get(url_of(resource.model)).content.decode()


def _refuse(resource: Resource, people: People, at: str) -> None:
    address = f"{API}/{resource.path}/"
    before = dump_database()
    calls = [("post", address), ("put", at), ("patch", at), *([("delete", at)] if resource.is_deletable else [])]
    for client, status in ((client_of(), 401), (people.customer, 403), (people.stranger, 403), (people.reader, 403)):
        for method, url in calls:
            assert getattr(client, method)(url, resource.body).status_code == status, (method, url)
    for change, code, attr in resource.refused:
        assert refusal(people.client.patch(at, change), 400) == (code, attr), change
        assert refusal(people.client.post(address, {**resource.body, **change}), 400)[0] == code, change
    assert dump_database() == before


def _delete(client: APIClient, at: str, resource: Resource, tag: str) -> Any:
    headers = {"If-Match": tag}
    return client.delete(at, headers=headers) if resource.is_deletable else client.put(at, {}, headers=headers)
