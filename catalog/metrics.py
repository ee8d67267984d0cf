from prometheus_client import Counter

from shop.db import transactions

STOCK_OUTS = Counter("shop_stock_outs", "Products of which a variant sold out.")


def count_stock_outs(number: int) -> None:
    """Count them once the transaction is committed."""
    transactions.on_commit(lambda: STOCK_OUTS.inc(number))
