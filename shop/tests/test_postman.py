"""The Postman collection: complete, generated, and green against a shop."""

import json
import re
from io import StringIO
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from django.core.management import call_command

from shop import audit
from shop.dev import clients
from shop.dev.management.commands.postman import FOLDER
from shop.dev.postman.collection import OTHERS, collection_of, folders
from shop.dev.postman.journey import FOLDERS
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.routes import published

MAX_BYTES = 300_000
NEWMAN = clients.TYPESCRIPT / "node_modules" / ".bin" / "newman"


def test_the_collection_has_every_operation_and_the_stored_one_its_journey(tmp_path: Path) -> None:
    call_command("postman", to=tmp_path, bruno=tmp_path / "bruno", stdout=StringIO())
    generated = json.loads((tmp_path / "shop.postman_collection.json").read_text())
    stored_file = FOLDER / "shop.postman_collection.json"
    stored = json.loads(stored_file.read_text())
    assert stored_file.stat().st_size < MAX_BYTES

    journey = [folder["name"] for folder in generated["item"][:-1]]
    assert journey == folders()
    assert generated["item"][-1]["name"] == OTHERS
    # The last folder has what other operations were added since.
    assert without_descriptions(stored["item"][:-1]) == without_descriptions(generated["item"][:-1]), (
        "Run `manage.py postman`."
    )

    steps = [step for folder in FOLDERS for step in folder.steps]
    titles = [step.title for step in steps]
    assert len({*titles}) == len(titles), "a step that is sent again is found by its title"
    described = {
        operation["operationId"] for methods in published()["paths"].values() for operation in methods.values()
    }
    used = {step.operation for step in steps} - {""}
    assert used <= described
    assert len(generated["item"][-1]["item"]) == len(described - used)
    assert len([*(tmp_path / "bruno").rglob("[0-9]*/[0-9]*.bru")]) == len(steps)


def without_descriptions(part: Any) -> Any:
    if isinstance(part, list):
        return [without_descriptions(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: without_descriptions(each) for name, each in part.items() if name != "description"}


def test_variables_are_set_before_they_are_used() -> None:
    known = {"origin", "staff_email", "staff_password", "password", "cart_token", "stripe", "email", "guest_email"}
    for folder in collection_of(published())["item"][:-1]:
        for item in folder["item"]:
            used = {*re.findall(r"{{(\w+)}}", json.dumps(item["request"]))}
            assert used <= known, (item["name"], used - known)
            script = "\n".join(item["event"][0]["script"]["exec"])
            known |= {*re.findall(r'keep\("(\w+)"', script)}


@pytest.mark.large
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not NEWMAN.exists(), reason="newman is not installed: `make clients`")
def test_newman_is_green(demo_shop: Any, simulator: StripeSimulator, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [str(NEWMAN), "run", str(FOLDER / "shop.postman_collection.json")]
    command += [
        "-e",
        str(FOLDER / "shop.postman_environment.json"),
        "-r",
        "json",
        "--reporter-json-export",
        str(report),
    ]
    command += [part for name in folders() for part in ("--folder", name)]
    command += ["--env-var", f"origin={demo_shop.url}", "--env-var", f"stripe={simulator.url}"]
    run(command, timeout=200, capture_output=True, check=False)
    found = json.loads(report.read_text())["run"]
    failures = [(each["source"]["name"], each["error"]["message"]) for each in found["failures"]]
    assert failures == []
    assert found["stats"]["requests"]["total"] >= 88
    assert found["stats"]["assertions"]["total"] > 150
    simulator.wait_until_idle(timeout=10)
    assert audit.violations() == []
