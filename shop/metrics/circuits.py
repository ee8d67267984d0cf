from prometheus_client import Gauge

OPEN = Gauge(
    "shop_circuit_open",
    "1 while a process refuses requests because a service does not answer.",
    ["service"],
    multiprocess_mode="livemax",
)
