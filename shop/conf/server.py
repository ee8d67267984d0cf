from typing import Any

from shop.conf.api import BULK_PATHS
from shop.conf.base import env

# Validated by `manage.py serve`: some shells and Conda set HOST, too.
HOST = env.str("HOST", default="") or "127.0.0.1"
PORT = env.whole_number("PORT", default=8000, at_least=0, at_most=65535)
WEB_WORKERS = env.whole_number("WEB_WORKERS", default=2, at_least=1, at_most=256)

# Touched before each round of work, for `python -m shop.probe worker`.
WORKER_HEALTH_FILE = env.str("WORKER_HEALTH_FILE", default="")

ADMIN_PATH = env.folder("ADMIN_PATH", default="admin/", not_in=("api", "static", "media", "livez", "readyz", "metrics"))
# Per process: threads, requests that may wait (a quarter of them per client), and seconds that one may wait.
SERVER_POOLS: dict[str, dict[str, Any]] = {
    "default": {"threads": 8, "waiting": 1024},
    # Orders wait for write conflicts, payments for Stripe. When many buy at once, waiting is better than a 503.
    "checkout": {"threads": 8, "waiting": 1024, "max_wait": 20.0},
    # bcrypt takes 0.25 s of CPU.
    "passwords": {"threads": 2, "waiting": 2048, "max_wait": 20.0},
    # A large image takes hundreds of megabytes.
    "uploads": {"threads": 1, "waiting": 64},
    "facets": {"threads": 1, "waiting": 64},
    # 1,000 rows take seconds of CPU.
    "bulk": {"threads": 1, "waiting": 64, "max_wait": 20.0},
    # A long history takes seconds of CPU.
    "exports": {"threads": 1, "waiting": 64},
    "docs": {"threads": 1, "waiting": 64},
    "admin": {"threads": 4, "waiting": 128},
    "webhook": {"threads": 2, "waiting": 1024},
    # Health checks must not wait for other requests.
    "livez": {"threads": 1, "waiting": 64},
    "readyz": {"threads": 1, "waiting": 16},
    "metrics": {"threads": 1, "waiting": 4},
    "refusals": {"threads": 1, "waiting": 1024},
}
# (methods, path prefix, pool); the first match wins.
SERVER_POOL_ROUTES = (
    ("POST", r"/api/v1/auth/(register|login|password/|email/change/?$)", "passwords"),
    ("DELETE", r"/api/v1/users/me/?$", "passwords"),
    ("POST", r"/api/v1/payments/webhook", "webhook"),
    ("POST", r"/api/v1/(orders|payments)", "checkout"),
    ("GET|HEAD", r"/api/v1/products/facets", "facets"),
    ("POST", BULK_PATHS, "bulk"),
    ("GET|HEAD", r"/api/v1/users/me/export", "exports"),
    ("GET|HEAD", r"/api/(schema|docs)", "docs"),
    (".*", rf"/{ADMIN_PATH}", "admin"),
    (".*", r"/livez/?$", "livez"),
    (".*", r"/readyz/?$", "readyz"),
    (".*", r"/metrics$", "metrics"),
)
SERVER_QUEUE_SECONDS = 8.0
# Time limit of a request body: fixed, plus its bytes at this rate.
REQUEST_BODY_SECONDS = 10.0
REQUEST_BODY_BYTES_PER_SECOND = 10_000
# Request bodies that a process receives at the same time; large ones are above 1 MiB.
MAX_BODIES = 1000
MAX_BODIES_OF_A_CLIENT = 250
MAX_LARGE_BODIES = 32
MAX_LARGE_BODIES_OF_A_CLIENT = 8
