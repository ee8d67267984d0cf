import argparse
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from .simulator import StripeSimulator


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shop.dev.stripe_simulator", description="A Stripe account on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--webhook-url", help="where events are delivered")
    parser.add_argument("--webhook-secret", default="whsec_simulator")
    parser.add_argument("--secret-key", default="sk_test_simulator")
    parser.add_argument("--publishable-key", default="pk_test_simulator")
    parser.add_argument("--state", type=Path, help="SQLite file that keeps everything across restarts")
    parser.add_argument("--later-seconds", type=float, default=2.0, help="how long a bank takes")
    parser.add_argument("--first-retry", type=float, default=1.0, help="seconds before a webhook is sent again")
    options = vars(parser.parse_args())

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = StripeSimulator(**options)
    except (OSError, sqlite3.Error) as error:
        print(f"stripe simulator cannot start: {error}", file=sys.stderr)
        return 1
    with simulator:
        print(f"stripe simulator on {simulator.url}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
