"""What other rooms may hang on to a person's life."""

from shop.hooks import Hook

# Called with user=, request= after a registration or login whose tokens are about to be handed out.
on_login = Hook("on_login")

# Called with user= before that, outside any transaction: settle what is open. Raises what keeps it from being settled.
before_forget = Hook("before_forget")

# Called with user= inside the transaction that deletes an account: forget the person, keep what the law wants kept.
on_forget = Hook("on_forget")

# Called with user= inside the transaction in which the owner of an address takes over an account that was opened with
# it by somebody else: detach or delete everything that this person put there. The account itself stays.
on_takeover = Hook("on_takeover")

# Called with country=, state= inside the transaction that writes an address. Raises `UnknownState`.
check_state = Hook("check_state")

# Called with user=, request= when somebody asks for everything that is kept about them. Each function returns its
# part: a dictionary of names and what is kept under them, in JSON's terms; `accounts.export.Rows` where it may be much.
export = Hook("export")
