"""The README's purchase, run as it stands there."""

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
from payments.simulator import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)

README = Path(settings.BASE_DIR, "README.md")


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
    simulator.wait_until_settled(timeout=10)

    assert shell.returncode == 0, shell.stderr
    assert '"status":"completed","payment_status":"paid"' in shell.stdout
    assert '"code":"order_not_payable"' in shell.stdout.splitlines()[-1]
    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("completed", "paid")


def test_every_variable_that_settings_read_is_in_the_readme_and_the_example() -> None:
    source = Path(settings.BASE_DIR, "shop", "settings.py").read_text()
    names = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    assert len(names) > 20
    readme, example = README.read_text(), Path(settings.BASE_DIR, ".env.example").read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []
    assert [name for name in sorted(names) if not re.search(rf"^#? ?{name}=", example, re.MULTILINE)] == []


def test_the_pictures_in_the_readme_exist() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README.read_text())
    assert pictures
    assert [name for name in pictures if not Path(settings.BASE_DIR, name).is_file()] == []
