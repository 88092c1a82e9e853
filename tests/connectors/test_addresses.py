"""The address guard: which addresses are public, and that the check holds for what is really connected to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import Misconfigured, NotSent
from connectors.addresses import is_metadata, is_private
from connectors.http import Caller

from .fake_server import FakeServer, TicketSystem

PRIVATE = [
    "127.0.0.1", "127.9.9.9", str(IPv4Address(0)), "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.1.1", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]
METADATA = ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254",
            "100.100.100.200", "168.63.129.16"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known_in_every_writing(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert not is_private(address)
    assert not is_metadata(address)


@pytest.mark.parametrize("address", METADATA)
def test_metadata_addresses_are_known_in_every_writing(address: str) -> None:
    assert is_metadata(address)


@given(st.ip_addresses(v=4))
@settings(max_examples=60)
def test_a_mapped_address_is_judged_as_the_one_it_carries(ip: IPv4Address) -> None:
    mapped = str(IPv6Address(b"\0" * 10 + b"\xff\xff" + ip.packed))
    assert (is_private(mapped), is_metadata(mapped)) == (is_private(str(ip)), is_metadata(str(ip)))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"],
)
def test_no_writing_of_an_inner_address_gets_through(server: FakeServer, host: str) -> None:
    with pytest.raises(Misconfigured, match="leads to a"):
        Caller().request("GET", f"http://{host}:{server.port}/tickets", purpose="p")

    assert server.connections == 0


def test_metadata_stays_closed_when_private_addresses_are_allowed() -> None:
    with pytest.raises(Misconfigured, match="metadata"):
        Caller(allow_private=True).request("GET", "http://169.254.169.254/latest", purpose="p")


def answers(*addresses: str) -> Any:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]


def test_a_name_that_changes_its_address_between_check_and_connection_gains_nothing(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups: list[str] = []

    def rebinding(host: str, port: int, *_: Any, **__: Any) -> Any:
        """Public at the first look, the loopback from then on."""
        lookups.append(host)
        address = "192.88.99.1" if len(lookups) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected: list[str] = []

    def connect(_: Any, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket.socket, "connect", connect)

    with pytest.raises(NotSent):
        Caller().request("GET", f"http://rebind.example.test:{server.port}/tickets", purpose="p")

    assert (lookups, connected) == (["rebind.example.test"], ["192.88.99.1"])


def test_of_a_name_with_inner_and_public_addresses_only_the_public_ones_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    def connect(_: Any, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers("10.0.0.1", "1.1.1.1", "127.0.0.1"))
    monkeypatch.setattr(socket.socket, "connect", connect)

    with pytest.raises(NotSent, match="refused the connection"):
        Caller().request("GET", "http://mixed.example.test/", purpose="p")

    assert tried == ["1.1.1.1"]


def test_a_pooled_connection_of_a_caller_who_may_is_closed_to_one_who_may_not(
    server: FakeServer, tickets: TicketSystem
) -> None:
    url = f"{server.url}/tickets"
    assert Caller(allow_private=True).request("GET", url, purpose="p").status == 200

    with pytest.raises(Misconfigured, match="private network"):
        Caller().request("POST", url, purpose="p", json={})

    assert tickets.tickets == {}
