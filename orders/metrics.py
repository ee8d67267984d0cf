from prometheus_client import Counter

from shop.db import transactions

EVENTS = Counter("shop_orders", "Events of orders, such as placed, paid, expired.", ["event"])


def count_events(event: str, number: int = 1) -> None:
    """Count them once the transaction is committed."""
    transactions.on_commit(lambda: EVENTS.labels(event).inc(number))
