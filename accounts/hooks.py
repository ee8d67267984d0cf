"""Hooks that other apps register on accounts."""

from shop.hooks import Hook

# Called with `user` and `cart_token` ("" without a guest's cart) before the tokens of a login are issued.
on_login = Hook()

# Called with `user` before an account is deleted, outside transactions. May raise to prevent it.
before_deletion = Hook()

# Called with `user` in the transaction that deletes the account, to remove or anonymize data.
on_deletion = Hook()

# Called with `user` in the transaction in which the owner of an e-mail address takes over an account that someone else
# may have opened, to remove or detach that person's data.
on_takeover = Hook()

# Called with `country` and `state` in the transaction that writes an address. Raises `UnknownState`.
check_state = Hook()

# Called with `user` and `base_url` (of images). Returns JSON values by name, or `accounts.export.Rows` for many rows.
export = Hook()
