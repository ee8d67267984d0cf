from ipaddress import IPv4Network, IPv6Network, ip_network

from shop.conf.base import DEBUG, checks, env


def _networks(names: list[str]) -> list[IPv4Network | IPv6Network]:
    networks = []
    for name in names:
        try:
            networks.append(ip_network(name.strip()))
        except ValueError:
            checks.report_unusable(f"WEBHOOK_PRIVATE_NETWORKS must be networks such as 10.1.2.0/24, not {name!r}.")
    return networks


# Private networks to which webhooks may be sent, besides public addresses.
WEBHOOK_PRIVATE_NETWORKS = _networks(
    env.list("WEBHOOK_PRIVATE_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEBUG else [])
)
