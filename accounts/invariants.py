"""What must always be true of accounts."""

from collections.abc import Iterator

from accounts.models import User
from shop.audit import invariant
from shop.email_addresses import normalize_email


@invariant("every account's e-mail address is in the form in which accounts are found")
def addresses_are_normal() -> Iterator[str]:
    for pk, email in User.objects.values_list("pk", "email").iterator():
        if email != normalize_email(email):
            yield f"account {pk}: correct its address, or remove it if another account of this mailbox is used"
