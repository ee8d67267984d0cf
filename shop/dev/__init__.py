"""Development only: what runs, demonstrates, loads or attacks the shop. Nothing outside imports it."""
