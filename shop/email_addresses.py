"""E-mail addresses: the one form in which they are kept and compared, which can get mail, and which share a mailbox."""

import unicodedata

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# RFC 5321, 4.5.3.1.
_MAX_LOCAL_PART = 64
# Longer than any address that is accepted anywhere.
_MAX_ADDRESS = 320
# Some scripts need them inside words. IDNA allows them in a domain name there and nowhere else.
_JOINERS = "\u200c\u200d"
_GMAIL = ("gmail.com", "googlemail.com")


def normalize_email(address: str) -> str:
    """Return the one form in which an address is kept and looked up. Never raises.

    Compatibility characters (full-width letters, …) become the plain ones and invisible characters are removed, the
    domain is in its ASCII form (IDNA 2008 and UTS #46), everything in lower case. A domain that has no such form is
    left as it is.
    """
    if not address.isascii():
        address = unicodedata.normalize("NFKC", "".join(filter(_is_visible, address)))
    local, at, domain = address.strip().lower().rpartition("@")
    return f"{local}{at}{_ascii_domain(domain) or domain}"


def check_email(address: str) -> str:
    """Return the normal form of an address to which mail can be delivered.

    Raises Django's ``ValidationError`` with a sentence that says what is wrong.
    """
    email = normalize_email(address)
    local, _, domain = email.rpartition("@")
    if local and not local.isascii():
        raise ValidationError("Only ASCII characters are allowed before the @.", code="invalid")
    if domain and _ascii_domain(domain) is None:
        raise ValidationError("The domain of this e-mail address is not valid.", code="invalid")
    validate_email(email)
    if local.startswith('"'):
        # A second spelling of the address without them.
        raise ValidationError("Quotation marks are not allowed in an e-mail address.", code="invalid")
    if len(local) > _MAX_LOCAL_PART:
        raise ValidationError(f"At most {_MAX_LOCAL_PART} characters are allowed before the @.", code="invalid")
    _, dot, top = domain.rpartition(".")
    # Neither a name without a dot nor an address literal, and none that is reserved.
    if not dot or "[" in domain or top in settings.UNDELIVERABLE_TOP_LEVEL_DOMAINS:
        raise ValidationError("Mail cannot be delivered to the domain of this e-mail address.", code="invalid")
    return email


def mailbox_of(address: str) -> str:
    """Return what the addresses of one mailbox share: for counting, never for sending or for finding an account.

    Without the sub-address (``+tag``). Dots count everywhere but at Gmail, which ignores them by its own documentation;
    elsewhere two such addresses may be two people, who would use up each other's limits.
    """
    local, at, domain = normalize_email(address).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), _GMAIL[0]
    return f"{local}{at}{domain}"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) != "Cf" or character in _JOINERS


def _ascii_domain(domain: str) -> str | None:
    """Return the domain as DNS has it, in lower case; None if IDNA does not allow it."""
    if domain.isascii() and "xn--" not in domain:
        return domain
    if len(domain) > _MAX_ADDRESS:
        return None
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode()
    except UnicodeError:
        return None
