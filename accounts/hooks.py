"""Extension points for other apps: login, account deletion, data export."""

from shop.hooks import Hook

# Called with user= and request= after a registration or login, before its tokens are issued.
on_login = Hook("on_login")

# Called with user= outside any transaction before an account is deleted. Raises if open orders prevent the deletion.
before_forget = Hook("before_forget")

# Called with user= in the transaction that deletes an account: remove or anonymize the user's data.
on_forget = Hook("on_forget")

# Called with user= in the transaction in which the owner of an e-mail address takes over an account that another person
# may have opened with it: detach or delete all data of that person. The account itself is kept.
on_takeover = Hook("on_takeover")

# Called with country= and state= in the transaction that writes an address. Raises `UnknownState`.
check_state = Hook("check_state")

# Called with user= and request= for a data export. Each function returns its part: a dictionary of JSON-serializable
# values, or `accounts.export.Rows` for potentially large ones.
export = Hook("export")
