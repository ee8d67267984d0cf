import os
import random

from django.core.management import CommandError


def seed_of_this_run(given: int | None) -> int:
    """Return ``given``, ``SEED`` or a new seed. Raises ``CommandError``."""
    named = os.environ.get("SEED", "")
    if given is not None:
        return given
    if named and not named.isdigit():
        raise CommandError(f"SEED is a whole number, not {named!r}.")
    return int(named) if named else random.SystemRandom().randrange(10**6)
