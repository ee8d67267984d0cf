from shop.hooks import Hook

# Called in the transaction that numbers them, with `changes`, a list of new rows.
on_numbered = Hook()
