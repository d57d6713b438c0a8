"""Network addresses: whose a request is behind proxies, and whether one is in a list of CIDR blocks."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache


@lru_cache(maxsize=10_000)
def _networks(blocks: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(block, strict=False) for block in blocks)


def address_allowed(client_ip: str, blocks: tuple[str, ...]) -> bool:
    """Whether the address is in one of the CIDR blocks; an IPv4-mapped IPv6 address counts as the IPv4 one."""
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _networks(blocks))


def client_address(peer: str, headers: Mapping[str, str], trusted_proxies: tuple[str, ...]) -> str:
    """The caller's address: the right-most ``X-Forwarded-For`` entry that is not a trusted proxy of ours."""
    if not trusted_proxies or not address_allowed(peer, trusted_proxies):
        return peer
    for hop in reversed([part.strip() for part in headers.get("x-forwarded-for", "").split(",")]):
        if hop and not address_allowed(hop, trusted_proxies):
            return hop
    return peer
