"""Development tools: run, demonstrate, load or attack the shop. Production code does not import them."""
