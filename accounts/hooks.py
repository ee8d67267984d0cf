"""Hooks that other apps register on accounts."""

from shop.hooks import Hook

# Called with `user` and `cart_token` ("" without a guest's cart) before the tokens of a login are issued.
on_login = Hook()

# Called with `user` in the transaction that verifies the account's e-mail address, changes it to a verified one, or
# activates the account again.
on_email_verified = Hook()

# Called with `user` before an account is deleted, outside transactions. May raise to prevent it.
before_deletion = Hook()

# Called with `user` in the transaction that deletes the account. May raise to prevent it.
on_deletion = Hook()

# Called with `user` and `limit` in a transaction, after an account is deleted, or taken over by the owner of its e-mail
# address from someone else who may have opened it. Removes or detaches at most `limit` rows of the user, and returns
# whether there are more.
detach_rows = Hook()

# Called with `user`; returns HTML about the orders for the account's page in the admin.
orders_of = Hook()

# Called with `user`; returns HTML about the open cart, for the same page.
cart_of = Hook()

# Called with `country` and `state` in the transaction that writes an address. Raises `UnknownState`.
check_state = Hook()

# Called with `user` and `base_url` (of images). Returns JSON values by name, or `accounts.export.Rows` for many rows.
export = Hook()
