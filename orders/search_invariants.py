from collections.abc import Iterator

from orders import search_words
from orders.models import Order
from shop.audit import Window, invariant_over


@invariant_over(Order, "staff find an order by its words")
def search_words_follow_from_orders(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        # See `personal_data_of`.
        if order.erased_at is None and set(order.search_words) != set(search_words.of(order)):
            yield f"{order.number} has search words that differ from its fields"
