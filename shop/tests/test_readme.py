"""README and docs: the purchase runs as written, all variables are listed, links and images exist."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from catalog.models import Product
from orders.models import Order, ShippingMethod
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.environment import variables_read

pytestmark = pytest.mark.django_db(transaction=True)

README = Path(settings.BASE_DIR, "README.md")
DOCS = Path(settings.BASE_DIR, "docs")
PAGES = [README, Path(settings.BASE_DIR, "CHANGELOG.md"), *sorted(DOCS.glob("*.md"))]


def test_the_purchase_in_the_readme_really_runs(
    live_server: Any,
    simulator: StripeSimulator,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    tmp_path: Path,
) -> None:
    make_product("Mug", price="12.50", stock=5)
    simulator.set_webhook(f"{live_server.url}/api/v1/payments/webhook/")
    run_file = tmp_path / ".data" / "run.json"
    run_file.parent.mkdir()
    run_file.write_text(json.dumps({"MONGO_URI": "mongodb://…", "STRIPE_API_BASE": simulator.url}))
    section = re.search(r"<!-- purchase: begin.*?```sh\n(.*?)```\n<!-- purchase: end", README.read_text(), re.DOTALL)
    script = section[1].replace("http://127.0.0.1:8000", live_server.url)
    assert script.count("curl") >= 10

    shell = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    simulator.wait_until_idle(timeout=10)

    assert shell.returncode == 0, shell.stderr
    assert '"status":"completed","payment_status":"paid"' in shell.stdout
    assert '"code":"order_not_payable"' in shell.stdout.splitlines()[-1]
    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("completed", "paid")


def test_every_variable_is_in_the_configuration_page_and_the_example() -> None:
    names = variables_read()
    assert len(names) > 50
    rows = re.findall(r"^\| (`[A-Z].*?) \|", Path(DOCS, "configuration.md").read_text(), re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)]
    example = re.findall(r"^#? ?([A-Z_]+)=", Path(settings.BASE_DIR, ".env.example").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(names)
    assert sorted(example) == sorted(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_image_leads_to_a_file(page: Path) -> None:
    paths = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [path for path in paths if not (page.parent / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text()):
        headings = re.findall(r"^#+ (.*)$", (page.parent / path if path else page).read_text(), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings], (
            f"{path}#{anchor}"
        )
