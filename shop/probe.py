"""Health checks for containers: ``python -m shop.probe web|worker`` exits with 0 if the process on this machine works.

Imports no Django: it runs every few seconds.
"""

import os
import sys
import time
from http.client import HTTPConnection, HTTPException

SECONDS = 2.5
# A task of the worker may take as long as its lease, 60 seconds.
WORKER_SECONDS = 120.0


def web_answers() -> bool:
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def worker_works() -> bool:
    """Check that the worker touched its ``WORKER_HEALTH_FILE``, as it does before each round of work."""
    try:
        touched_at = os.stat(os.environ["WORKER_HEALTH_FILE"]).st_mtime
    except (KeyError, OSError):
        return False
    return time.time() - touched_at < WORKER_SECONDS


CHECKS = {"web": web_answers, "worker": worker_works}


def main(*names: str) -> int:
    if len(names) != 1 or names[0] not in CHECKS:
        print("usage: python -m shop.probe web|worker", file=sys.stderr)
        return 2
    return 0 if CHECKS[names[0]]() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
