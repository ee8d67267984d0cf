"""The collection and its environment in Postman's format 2.1."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from shop.dev.postman.journey import FOLDERS, VARIABLES
from shop.dev.postman.operations import Operation, operations_of
from shop.dev.postman.steps import Elsewhere, Folder, Step

NAME = "Shop"
OTHERS = "Other operations"
# Who sends a request: its header, and the variable in it.
HEADERS = {
    "customer": {"Authorization": "Bearer {{access}}"},
    "staff": {"Authorization": "Bearer {{staff_access}}"},
    "guest": {"X-Cart-Token": "{{cart_token}}"},
    "buyer": {"X-Order-Token": "{{order_token}}"},
    "nobody": {},
}
_MOST_TRIES = 80
_TRY_AFTER = 250


def collection_of(description: dict[str, Any]) -> dict[str, Any]:
    operations = operations_of(description)
    used = {step.operation for folder in FOLDERS for step in folder.steps}
    others = [_sample_item(operation) for name, operation in operations.items() if name not in used]
    return {
        "info": {
            "_postman_id": str(uuid.uuid5(uuid.NAMESPACE_URL, "shop")),
            "name": NAME,
            "description": "Run the folders in their order against `make run`. The last one has the operations that "
            "are not a part of the journey, with samples of bodies: send them one by one.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [_folder(folder, operations) for folder in FOLDERS] + [{"name": OTHERS, "item": others}],
    }


def environment() -> dict[str, Any]:
    values = [{"key": name, "value": value, "enabled": True} for name, value in VARIABLES.items()]
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, "shop environment"))
    return {"id": identifier, "name": "Shop of make run", "values": values, "_postman_variable_scope": "environment"}


def folders() -> list[str]:
    """Return the names of the folders that can be run."""
    return [folder.name for folder in FOLDERS]


def _folder(folder: Folder, operations: dict[str, Operation]) -> dict[str, Any]:
    return {
        "name": folder.name,
        "description": folder.text,
        "item": [_item(step, operations) for step in folder.steps],
    }


def _item(step: Step, operations: dict[str, Operation]) -> dict[str, Any]:
    headers = {**HEADERS[step.who], **step.headers}
    request: dict[str, Any] = {
        "method": method_of(step, operations),
        "header": [{"key": name, "value": value} for name, value in headers.items()],
        "url": {"raw": address_of(step, operations), **_parts(address_of(step, operations))},
        "auth": {"type": "noauth"},
    }
    if step.body is not None:
        request["body"] = _json_body(step.body)
    if isinstance(step, Elsewhere) and step.form:
        fields = [{"key": name, "value": value} for name, value in step.form.items()]
        request["body"] = {"mode": "urlencoded", "urlencoded": fields}
    if step.operation:
        request["description"] = operations[step.operation].text
    script = {"type": "text/javascript", "exec": [*_PREAMBLE, *script_of(step)]}
    return {"name": step.title, "request": request, "event": [{"listen": "test", "script": script}]}


def method_of(step: Step, operations: dict[str, Operation]) -> str:
    return step.method if isinstance(step, Elsewhere) else operations[step.operation].method


def address_of(step: Step, operations: dict[str, Operation]) -> str:
    if isinstance(step, Elsewhere):
        return step.address
    path = operations[step.operation].path
    for name, value in step.path.items():
        path = path.replace(f"{{{name}}}", value)
    query = "&".join(f"{name}={value}" for name, value in step.query.items())
    return "{{origin}}" + path + (f"?{query}" if query else "")


def _parts(address: str) -> dict[str, Any]:
    address, _, query = address.partition("?")
    host, *path = address.split("/")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    parts: dict[str, Any] = {"host": [host], "path": path}
    return parts | ({"query": [{"key": name, "value": value} for name, _, value in pairs]} if pairs else {})


def _json_body(body: Any) -> dict[str, Any]:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}


# What the scripts of steps call. Bruno's are in `bruno.py`.
_PREAMBLE = (
    "const value = name => pm.variables.get(name);",
    "const keep = (name, value) => pm.collectionVariables.set(name, value);",
    "const test = pm.test, expect = pm.expect, status = pm.response.code, text = pm.response.text();",
    "const header = name => pm.response.headers.get(name);",
    "const again = () => { postman.setNextRequest(pm.info.requestName); setTimeout(() => {}, "
    + str(_TRY_AFTER)
    + "); };",
)


def script_of(step: Step) -> list[str]:
    """Return the script after the reply, for any program that defines the functions it calls."""
    return [
        "let json; try { json = JSON.parse(text); } catch { json = undefined; }",
        'if (header("X-Cart-Token")) keep("cart_token", header("X-Cart-Token"));',
        *(_until(step.until, _tests(step)) if step.until else _tests(step)),
    ]


def _tests(step: Step) -> Iterable[str]:
    statuses = json.dumps(list(step.status))
    yield f'test("status {" or ".join(map(str, step.status))}", () => expect(status, text).to.be.oneOf({statuses}));'
    yield from (f"test({json.dumps(check)}, () => expect({check}).to.equal(true));" for check in step.checks)
    if step.save:
        kept = " ".join(f"keep({json.dumps(name)}, {path});" for name, path in step.save.items())
        yield f"test({json.dumps('keeps ' + ', '.join(step.save))}, () => {{ {kept} }});"
    if isinstance(step, Elsewhere):
        yield from step.script


def _until(condition: str, tests: Iterable[str]) -> Iterable[str]:
    yield 'const tries = Number(value("tries") || 0);'
    yield f"if (json && !({condition}) && tries < {_MOST_TRIES}) {{"
    yield '  keep("tries", String(tries + 1)); again();'
    yield "} else {"
    yield '  keep("tries", "0");'
    yield f"  test({json.dumps(condition)}, () => expect({condition}).to.equal(true));"
    yield from (f"  {line}" for line in tests)
    yield "}"


def _sample_item(operation: Operation) -> dict[str, Any]:
    path = operation.path.replace("{", ":").replace("}", "")
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters = operation.described.get("parameters", ())
    query = [
        {"key": each["name"], "value": "", "disabled": True, "description": each.get("description", "")}
        for each in parameters
        if each.get("in") == "query" and each["schema"].get("type") != "object"
    ]
    url: dict[str, Any] = {"raw": "{{origin}}" + path, "host": ["{{origin}}"], "path": path.split("/")[1:]}
    if names:
        url["variable"] = [{"key": name, "value": ""} for name in names]
    if query:
        url["query"] = query
    is_public = {} in operation.described.get("security", ())
    headers = HEADERS["customer"] if is_public else HEADERS["staff"]
    request: dict[str, Any] = {
        "method": operation.method,
        "header": [{"key": name, "value": value} for name, value in headers.items()],
        "url": url,
        "auth": {"type": "noauth"},
        "description": operation.text,
    }
    if operation.is_upload:
        request["body"] = {"mode": "formdata", "formdata": [{"key": "image", "type": "file", "src": []}]}
    elif (sample := operation.sample) is not None:
        request["body"] = _json_body(sample)
    return {"name": operation.described["summary"], "request": request}
