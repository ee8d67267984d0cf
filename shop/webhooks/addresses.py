"""Addresses to which webhooks may be sent: public ones, and ``WEBHOOK_PRIVATE_NETWORKS``."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

# https://www.rfc-editor.org/rfc/rfc6052 and rfc8215
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))

# Public by its number, but the host of a virtual machine.
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
_AZURE = IPv4Address("168.63.129.16")


class AddressRefused(Exception):
    """The message names no address, which would help to explore a network."""


def check_url(url: str, *, allows_http: bool) -> str:
    """Return why no webhook can be sent there, or "". Names are resolved only when one is sent."""
    if not url.isascii() or re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return "Must contain only ASCII characters, without spaces."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "Is not a valid URL."
    schemes = ("https", "http") if allows_http else ("https",)
    if parts.scheme not in schemes:
        return f"Must begin with {' or '.join(f'{each}://' for each in schemes)}."
    if not parts.hostname or port == 0:
        return "Must name a host."
    if "@" in parts.netloc:
        return "Must not contain a user name or password."
    if "#" in url:
        return "Must not contain a fragment."
    try:
        literal = ip_address(parts.hostname)
    except ValueError:
        return ""
    return "" if is_allowed(literal) else "Must not be in a private network."


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises ``AddressRefused`` if one of them is not allowed, and ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if not all(is_allowed(ip_address(each)) for each in addresses):
        raise AddressRefused("The host is in a private network.")
    return addresses


def is_allowed(address: Address) -> bool:
    return any(address in network for network in settings.WEBHOOK_PRIVATE_NETWORKS) or _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        teredo = address.teredo or ()
        embedded = [each for each in (address.ipv4_mapped, address.sixtofour, *teredo) if each is not None]
        if any(address in network for network in _NAT64):
            embedded.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        if embedded:
            return all(map(_is_public, embedded)) and address.ipv4_mapped is None
        if address.is_site_local:
            return False
    if address == _AZURE:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
