from shop.conf.base import checks, env

# Bearer token of `/metrics`, which does not exist without one.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN:
    checks.strong_secret("METRICS_TOKEN", METRICS_TOKEN, at_least=32)
# Port of the worker's metrics, at HOST; 0 is none.
METRICS_PORT = env.whole_number("METRICS_PORT", default=0, at_least=0, at_most=65535)
METRICS_ON = bool(METRICS_TOKEN or METRICS_PORT)
# Readings of the database are repeated at most this often, per process.
METRICS_READ_SECONDS = 10.0
