"""A worker, which loads no views, knows every job and periodic task."""

import json
import re
import subprocess
import sys
from pathlib import Path

from django.conf import settings

APPS = ("accounts", "cart", "catalog", "orders", "payments", "shop")
LIST_JOBS = "\n".join(
    [
        "import django, json",
        "django.setup()",
        "from shop import jobs",
        "print(json.dumps([*jobs._kinds, *jobs.periodic._tasks]))",
    ]
)


def sources(app: str) -> list[Path]:
    return [
        path
        for path in Path(settings.BASE_DIR, app).rglob("*.py")
        if not {"tests", "dev"} & set(path.relative_to(settings.BASE_DIR).parts)
    ]


def test_a_worker_knows_every_kind_of_job_and_every_periodic_task() -> None:
    text = "\n".join(path.read_text() for app in APPS for path in sources(app))
    written = set(re.findall(r'@(?:jobs\.job|mails\.mail)\(\s*"([\w.]+)"', text))
    periodic = set(re.findall(r'jobs\.every_in_slices\([^)]*name="([\w.]+)"', text))
    assert len(written) >= 10
    assert len(periodic) >= 4

    known = subprocess.run(
        [sys.executable, "-c", LIST_JOBS], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )

    assert written | periodic <= set(json.loads(known.stdout))
