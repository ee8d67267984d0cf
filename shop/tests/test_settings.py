"""Production starts only with all settings present and strong; development needs none."""

import subprocess
import sys
from pathlib import Path

import pytest

from shop.dev.testing.environment import ENVIRONMENT, production, variables_read

ROOT = Path(__file__).resolve().parent.parent.parent
BOOT = "import django; django.setup()"
# What is read before the apps, in a third of the time.
SETTINGS = "from django.conf import settings"
# Variables that a `.env` file beside manage.py could set are given explicitly.
PLAIN = {name: value for name, value in ENVIRONMENT.items() if name not in ("DEBUG", "RATE_LIMITS")}


def boot(environment: dict[str, str], script: str = BOOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={"DJANGO_SETTINGS_MODULE": "shop.settings", "BCRYPT_ROUNDS": "12", "RATE_LIMITS": "on", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def problems(environment: dict[str, str]) -> list[str]:
    """The sentences with which the boot is refused; none when it is not."""
    finished = boot(environment, f"{SETTINGS}; settings.DEBUG")
    assert (finished.returncode == 0) == ("Shop cannot start" not in finished.stderr), finished.stderr
    return [line.removeprefix("  - ") for line in finished.stderr.splitlines() if line.startswith("  - ")]


def test_a_complete_production_environment_boots():
    finished = boot(production())
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""


def test_every_missing_setting_is_named_at_once():
    missing = {
        "MONGO_URI": "",
        "SECRET_KEY": "",
        "JWT_SECRET_KEY": "",
        "ALLOWED_HOSTS": "",
        "FRONTEND_URL": "",
        "EMAIL_URL": "",
        "STRIPE_SECRET_KEY": "",
        "STRIPE_PUBLISHABLE_KEY": "",
        "STRIPE_WEBHOOK_SECRET": "",
        "CLOUD_NAME": "",
        "CLOUD_API_KEY": "",
        "CLOUD_API_SECRET": "",
    }
    said = problems({**production(), **missing})
    assert sorted(sentence.split()[0] for sentence in said) == sorted(missing)


WEAK = [
    ("SECRET_KEY", "short", "too short"),
    ("SECRET_KEY", "a" * 60, "weak"),
    ("SECRET_KEY", "django-insecure-8fj2lf9s8f7s6d5f4s3d2f1g0h9j8k7l6m5n4b3v2", "weak"),
    ("SECRET_KEY_FALLBACKS", "short", "too short"),
    ("JWT_SECRET_KEY", "short", "too short"),
    ("ALLOWED_HOSTS", "*", "must not be '*'"),
    ("CORS_ALLOWED_ORIGINS", "http://shop.test", "https://"),
    ("FRONTEND_URL", "http://shop.test", "https://"),
    ("MONGO_URI", "mongodb://db.shop.test/shop", "names no replica set"),
    ("MONGO_URI", "postgres://db.shop.test/shop", "not a MongoDB address"),
    ("BCRYPT_ROUNDS", "4", "from 10"),
    ("ADMIN_PATH", "api/admin", "path"),
    ("ADMIN_PATH", "a dmin?", "path"),
    ("RATE_LIMITS", "off", "refused"),
    ("CRASH_AT", "orders.place:begin", "refused"),
    ("STRIPE_SECRET_KEY", "sk_test_simulator", "not a real Stripe key"),
    ("STRIPE_SECRET_KEY", "pk_live_123", "not a real Stripe key"),
    ("STRIPE_PUBLISHABLE_KEY", "sk_live_123", "not a real Stripe key"),
    ("STRIPE_WEBHOOK_SECRET", "secret", "not a real Stripe key"),
    ("STRIPE_API_BASE", "http://127.0.0.1:12111", "https://"),
    ("DEFAULT_FROM_EMAIL", "Shop", "must be a mail address"),
    ("EMAIL_URL", "mail.shop.test:587", "must be an address such as"),
    ("CLOUD_API_BASE", "http://127.0.0.1:9", "https://"),
    ("TIME_ZONE", "Mars/Olympus", "must be a time zone"),
    ("SELLER_NAME", "", "needed together"),
    ("INVOICE_NUMBER", "{number:04}", "needs {year}"),
    ("CREDIT_NOTE_NUMBER", "{year}", "must be a format"),
    ("PAPER_SIZE", "a5", "must be a4 or letter"),
    ("PDF_FONT", "/nowhere/font.ttf", "path of a TrueType font"),
    ("SHOP_LOGO", "/nowhere/logo.png", "path of a PNG or JPEG file"),
    ("SUPPORT_EMAIL", "Help", "must be a mail address"),
    ("TEMPLATES_DIR", "/nowhere", "must be a folder"),
]


@pytest.fixture(scope="module")
def all_weak_problems() -> list[str]:
    """One boot for each value that a variable has in WEAK: first all the first ones, then all the second ones."""
    said: list[str] = []
    waiting = list(WEAK)
    while waiting:
        chosen = {name: value for name, value, _ in reversed(waiting)}
        said += problems({**production(), **chosen})
        waiting = [weak for weak in waiting if chosen[weak[0]] != weak[1]]
    return said


@pytest.mark.parametrize(("name", "value", "reason"), WEAK)
def test_production_refuses_a_weak_value_with_a_sentence_that_names_it(name, value, reason, all_weak_problems):
    named = [sentence for sentence in all_weak_problems if sentence.startswith((f"{name} ", f"{name}="))]
    assert any(reason in sentence for sentence in named), all_weak_problems


def test_production_refuses_one_secret_used_twice():
    good = production()
    assert problems({**good, "JWT_SECRET_KEY": good["SECRET_KEY"]}) == [
        "JWT_SECRET_KEY is the same as SECRET_KEY: each needs a different secret."
    ]


def test_old_secrets_are_known_while_one_is_rotated():
    script = f"{SETTINGS}; print(*settings.SECRET_KEY_FALLBACKS)"
    old = [production()["SECRET_KEY"] for _ in range(2)]
    assert boot({**production(), "SECRET_KEY_FALLBACKS": ",".join(old)}, script).stdout.split() == old


def test_a_secret_is_never_repeated_in_the_refusal():
    wrong = {
        "SECRET_KEY_FALLBACKS": "CanaryWord",
        "SECRET_KEY": "an-example-phrase-CanaryWord-that-must-not-be-printed",
        "STRIPE_SECRET_KEY": "pk_live_CanaryWord",
        # A password that should have been escaped, and addresses of no known kind.
        "MONGO_URI": "mongodb://shop:Canary/Word@db.shop.test:27017/shop?replicaSet=rs0",
        "CACHE_URL": "rediz://:CanaryWord@cache.shop.test",
        "EMAIL_URL": "smpt://shop:CanaryWord@mail.shop.test",
    }
    finished = boot({**production(), **wrong})
    assert finished.returncode != 0
    for name in wrong:
        assert f"- {name} " in finished.stderr
    assert "Canary" not in finished.stderr + finished.stdout
    assert "Word@" not in finished.stderr + finished.stdout


def test_a_password_in_an_address_is_not_repeated_either():
    finished = boot({**production(), "EMAIL_URL": "smpt+tls://shop:kept-to-itself@mail.shop.test:587"})
    assert "EMAIL_URL must be an address" in finished.stderr
    assert "kept-to-itself" not in finished.stderr + finished.stdout


@pytest.mark.parametrize(
    ("given", "sender"),
    [("", "shop@shop.test"), ("Shop <hello@shop.test>", "Shop <hello@shop.test>")],
)
def test_mails_come_from_the_storefronts_host_unless_said_otherwise(given, sender):
    script = f"{SETTINGS}; print(settings.DEFAULT_FROM_EMAIL)"
    environment = {**production(), "FRONTEND_URL": "https://www.shop.test", "DEFAULT_FROM_EMAIL": given}
    finished = boot(environment, script)
    assert finished.stdout.strip() == sender, finished.stderr


def test_development_needs_no_settings_at_all(tmp_path):
    assert problems({**PLAIN, "DEBUG": "1", "DATA_DIR": str(tmp_path), "MONGO_URI": "", "STRIPE_SECRET_KEY": ""}) == []


def test_development_refuses_a_database_without_replica_set_too(tmp_path):
    uri = "mongodb://127.0.0.1:27017/shop"
    said = problems({**PLAIN, "DEBUG": "1", "DATA_DIR": str(tmp_path), "MONGO_URI": uri})
    assert len(said) == 1
    assert said[0].startswith("MONGO_URI names no replica set")


def test_the_tests_fix_every_variable_that_the_settings_read():
    read = variables_read()
    assert len(read) > 50
    assert read - set(ENVIRONMENT) == {"MONGO_URI", "DATA_DIR"}
