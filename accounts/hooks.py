"""Extension points."""

from shop.hooks import Hook

# user=, cart_token=: before the tokens of a login are issued; the guest's cart token may be empty.
on_login = Hook("on_login")

# user=: before a deletion, outside transactions; raises to prevent it.
before_forget = Hook("before_forget")

# user=: in the deletion's transaction; remove or anonymize data.
on_forget = Hook("on_forget")

# user=: in the transaction in which an address's owner takes over an account that another person may have opened;
# remove or detach that person's data.
on_takeover = Hook("on_takeover")

# country=, state=: in the transaction that writes an address. Raises `UnknownState`.
check_state = Hook("check_state")

# user=, base_url= (of images): return JSON values, or `accounts.export.Rows` if there are many.
export = Hook("export")
