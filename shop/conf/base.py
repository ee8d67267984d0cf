"""The environment, the mode and the data folder: used by the other settings."""

import json
from pathlib import Path

from shop.conf.environment import Environment, SettingsChecks

BASE_DIR = Path(__file__).resolve().parent.parent.parent

checks = SettingsChecks()
env = Environment(checks)
env.read_env(BASE_DIR / ".env")

DEBUG = env.switch("DEBUG", default=False)
checks.enforced = not DEBUG

DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / ".data").resolve()
# Written by `manage.py run`.
RUN_FILE = DATA_DIR / "run.json"


def _running() -> dict[str, str]:
    if not DEBUG:
        return {}
    try:
        return json.loads(RUN_FILE.read_text())
    except (OSError, ValueError):
        return {}


# URIs of the MongoDB and the Stripe simulator of `manage.py run`.
running = _running()

CRASH_AT = env.str("CRASH_AT", default="")
checks.require(not CRASH_AT, "CRASH_AT is refused: it kills server processes; for tests only.")
