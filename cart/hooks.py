"""Hooks that the orders app registers on carts."""

from shop.hooks import Hook

# Called with `user` or `email`. Returns a model and the MongoDB condition of the customer's orders that count as
# earlier ones, see `Promotion.first_order_only`.
orders_of = Hook()
