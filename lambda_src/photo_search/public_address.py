"""Which IP addresses belong to ordinary hosts on the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

_IPV6_UNICAST = ip_network("2000::/3")
# What ``is_global`` of some supported Python lets through, or what hides another address.
_NEVER_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's platform service; its address looks public
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a metadata service
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_public_address(address: IPAddress) -> bool:
    """Whether an address is an ordinary host's on the public internet.

    Refuses loopback, private, link-local, shared, multicast, reserved and documentation ranges,
    cloud metadata services, and every form that carries an IPv4 address inside an IPv6 one (mapped,
    NAT64, 6to4, Teredo), whatever the inner address is. Ranges: IANA's special-purpose address
    registries.
    """
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _IPV6_UNICAST):
        return False
    # Multicast addresses count as global in Python.
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _NEVER_PUBLIC)
    )
