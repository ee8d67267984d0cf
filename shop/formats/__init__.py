"""How the admin writes things, where Django's own way of a language is not clear enough."""
