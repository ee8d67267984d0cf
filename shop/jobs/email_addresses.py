import unicodedata

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# RFC 5321, 4.5.3.1.
_MAX_LOCAL_PART = 64
_MAX_ADDRESS = 320
# Zero-width joiners, which IDNA restricts to scripts that need them.
_JOINERS = "\u200c\u200d"
_GMAIL = ("gmail.com", "googlemail.com")


def normalize_email(address: str) -> str:
    """Normalize for storage and look-up: NFKC, visible, lower-case, ASCII domain (IDNA 2008, UTS #46).

    Never raises: an invalid domain is kept.
    """
    if not address.isascii():
        address = unicodedata.normalize("NFKC", "".join(filter(_is_visible, address)))
    local, at, domain = address.strip().lower().rpartition("@")
    return f"{local}{at}{_ascii_domain(domain) or domain}"


def check_email(address: str) -> str:
    """Return the normal form of a deliverable address. Raises Django's ``ValidationError``."""
    email = normalize_email(address)
    local, _, domain = email.rpartition("@")
    if local and not local.isascii():
        raise ValidationError("Only ASCII characters are allowed before the @.", code="invalid")
    if domain and _ascii_domain(domain) is None:
        raise ValidationError("The domain of this e-mail address is not valid.", code="invalid")
    validate_email(email)
    if local.startswith('"'):
        # A quoted local part would be a second spelling.
        raise ValidationError("Quotation marks are not allowed in an e-mail address.", code="invalid")
    if len(local) > _MAX_LOCAL_PART:
        raise ValidationError(f"At most {_MAX_LOCAL_PART} characters are allowed before the @.", code="invalid")
    _, dot, top = domain.rpartition(".")
    # Refuses address literals and reserved domains, too.
    if not dot or "[" in domain or top in settings.UNDELIVERABLE_TOP_LEVEL_DOMAINS:
        raise ValidationError("Mail cannot be delivered to the domain of this e-mail address.", code="invalid")
    return email


def mailbox_of(address: str) -> str:
    """Return a key for rate limits only, without ``+tag`` and Gmail's dots."""
    local, at, domain = normalize_email(address).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), _GMAIL[0]
    return f"{local}{at}{domain}"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) != "Cf" or character in _JOINERS


def _ascii_domain(domain: str) -> str | None:
    """Return None if IDNA does not allow it."""
    if domain.isascii() and "xn--" not in domain:
        return domain
    if len(domain) > _MAX_ADDRESS:
        return None
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode()
    except UnicodeError:
        return None
