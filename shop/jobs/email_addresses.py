"""E-mail addresses: normal form, deliverability and mailbox identity."""

import unicodedata

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# RFC 5321, 4.5.3.1.
_MAX_LOCAL_PART = 64
# Longer than any accepted address.
_MAX_ADDRESS = 320
# Zero-width joiners; some scripts need them, and IDNA restricts them to those.
_JOINERS = "\u200c\u200d"
_GMAIL = ("gmail.com", "googlemail.com")


def normalize_email(address: str) -> str:
    """Return the form in which an address is stored and looked up. Never raises.

    Applies NFKC, removes invisible characters, converts the domain to ASCII (IDNA 2008 and UTS #46), lower-cases. An
    invalid domain is left as it is.
    """
    if not address.isascii():
        address = unicodedata.normalize("NFKC", "".join(filter(_is_visible, address)))
    local, at, domain = address.strip().lower().rpartition("@")
    return f"{local}{at}{_ascii_domain(domain) or domain}"


def check_email(address: str) -> str:
    """Return the normal form of a deliverable address.

    Raises Django's ``ValidationError``.
    """
    email = normalize_email(address)
    local, _, domain = email.rpartition("@")
    if local and not local.isascii():
        raise ValidationError("Only ASCII characters are allowed before the @.", code="invalid")
    if domain and _ascii_domain(domain) is None:
        raise ValidationError("The domain of this e-mail address is not valid.", code="invalid")
    validate_email(email)
    if local.startswith('"'):
        # A quoted local part would be a second spelling of the same address.
        raise ValidationError("Quotation marks are not allowed in an e-mail address.", code="invalid")
    if len(local) > _MAX_LOCAL_PART:
        raise ValidationError(f"At most {_MAX_LOCAL_PART} characters are allowed before the @.", code="invalid")
    _, dot, top = domain.rpartition(".")
    # Refuses names without a dot, address literals and reserved domains.
    if not dot or "[" in domain or top in settings.UNDELIVERABLE_TOP_LEVEL_DOMAINS:
        raise ValidationError("Mail cannot be delivered to the domain of this e-mail address.", code="invalid")
    return email


def mailbox_of(address: str) -> str:
    """Return a key for the mailbox of an address: for rate limits only, not for sending mail or finding accounts.

    Removes the sub-address (``+tag``), and for Gmail the dots, which it documents as ignored. Elsewhere dots may
    distinguish two people.
    """
    local, at, domain = normalize_email(address).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), _GMAIL[0]
    return f"{local}{at}{domain}"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) != "Cf" or character in _JOINERS


def _ascii_domain(domain: str) -> str | None:
    """Return the domain in lower-case ASCII; None if IDNA does not allow it."""
    if domain.isascii() and "xn--" not in domain:
        return domain
    if len(domain) > _MAX_ADDRESS:
        return None
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode()
    except UnicodeError:
        return None
