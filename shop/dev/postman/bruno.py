"""The collection in Bruno's format: a folder with a file for each request."""

import json
from pathlib import Path
from typing import Any

from shop.dev.postman.collection import HEADERS, NAME, address_of, method_of, script_of
from shop.dev.postman.journey import FOLDERS, VARIABLES
from shop.dev.postman.operations import Operation, operations_of
from shop.dev.postman.steps import Elsewhere, Step

_PREAMBLE = (
    "const value = name => bru.getVar(name) ?? bru.getEnvVar(name);",
    "const keep = (name, value) => bru.setVar(name, value);",
    "const status = res.getStatus(), header = name => res.getHeader(name.toLowerCase());",
    "const body = res.getBody(), text = typeof body === 'string' ? body : JSON.stringify(body);",
    "const again = () => bru.setNextRequest(req.getName());",
)


def write_bruno(folder: Path, description: dict[str, Any]) -> int:
    """Return the number of requests."""
    operations = operations_of(description)
    _write(folder / "bruno.json", json.dumps({"version": "1", "name": NAME, "type": "collection"}, indent=2))
    variables = "\n".join(f"  {name}: {value}" for name, value in VARIABLES.items())
    _write(folder / "environments" / "make run.bru", f"vars {{\n{variables}\n}}")
    count = 0
    for place, part in enumerate(FOLDERS, 1):
        name = f"{place} {part.name.replace(':', ',')}"
        _write(folder / name / "folder.bru", _block("meta", [f"name: {part.name}", f"seq: {place}"]))
        for number, step in enumerate(part.steps, 1):
            title = "".join(each for each in step.title if each.isalnum() or each in " -")
            _write(folder / name / f"{number:02} {title}.bru", _request(step, number, operations))
            count += 1
    return count


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def _block(name: str, lines: list[str]) -> str:
    return "\n".join([f"{name} {{", *(f"  {line}" for line in lines), "}"])


def _request(step: Step, number: int, operations: dict[str, Operation]) -> str:
    form = step.form if isinstance(step, Elsewhere) else {}
    kind = "json" if step.body is not None else "formUrlEncoded" if form else "none"
    address = address_of(step, operations)
    method = method_of(step, operations).lower()
    blocks = [
        _block("meta", [f"name: {step.title}", "type: http", f"seq: {number}"]),
        _block(method, [f"url: {address}", f"body: {kind}", "auth: none"]),
    ]
    if step.query:
        blocks.append(_block("params:query", [f"{name}: {value}" for name, value in step.query.items()]))
    if headers := {**HEADERS[step.who], **step.headers}:
        blocks.append(_block("headers", [f"{name}: {value}" for name, value in headers.items()]))
    if step.body is not None:
        blocks.append(_block("body:json", json.dumps(step.body, indent=2, ensure_ascii=False).splitlines()))
    if form:
        blocks.append(_block("body:form-urlencoded", [f"{name}: {value}" for name, value in form.items()]))
    wait = ["await bru.sleep(250);"] if step.until else []
    blocks.append(_block("tests", [*_PREAMBLE, *wait, *script_of(step)]))
    if step.operation:
        blocks.append(_block("docs", operations[step.operation].text.splitlines()))
    return "\n\n".join(blocks)
