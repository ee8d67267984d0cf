"""Development tools; production code does not import them."""
