"""The time that Django takes to start, which every command waits for."""

import subprocess
import sys

from django.conf import settings

CODE = """
import sys
started = []
sys.addaudithook(lambda event, arguments: started.append(arguments[0]) if event == "subprocess.Popen" else None)
import django
django.setup()
print(*started)
"""


def test_django_starts_without_a_search_for_gis_libraries() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    started = done.stdout.splitlines()[-1]
    assert "gcc" not in started
    assert "ld" not in started
