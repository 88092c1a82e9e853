"""Which network addresses a call may reach. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_Address = IPv4Address | IPv6Address

# Cloud machines hand out credentials here. No record of anybody lives there, so no setting opens them.
_METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
_CARRIES_IPV4: tuple[tuple[IPv6Network, int], ...] = (  # network, bits to the right of the embedded IPv4 address
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
_NOT_PUBLIC = tuple(ip_network(text) for text in ("64:ff9b:1::/48", "2001::/32", "fec0::/10"))


def is_metadata(address: str) -> bool:
    """Whether ``address`` (an IP address as text) is a cloud's metadata service, in any writing."""
    return any(ip in _METADATA for ip in _meanings(address))


def is_private(address: str) -> bool:
    """Whether ``address`` is anything but a public unicast address: loopback, private, link-local, reserved ..."""
    return not all(
        ip.is_global and not ip.is_multicast and not ip.is_reserved and not any(ip in net for net in _NOT_PUBLIC)
        for ip in _meanings(address)
    )


def _meanings(address: str) -> list[_Address]:
    """The address itself, or the IPv4 address that it carries."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip not in (IPv6Address("::"), IPv6Address("::1")):
        carried = [IPv4Address((int(ip) >> shift) & 0xFFFFFFFF) for net, shift in _CARRIES_IPV4 if ip in net]
        return list(carried) or [ip]
    return [ip]
