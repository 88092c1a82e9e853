"""Certificates are verified against certifi's list, hosts are compared, and old TLS is refused."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker_project.lib.errors import NotSent, OutcomeUnknown, Unavailable
from connectors import connection, transport
from connectors.http import Caller

from .fake_server import FakeServer, Fault, TicketSystem, serving


@pytest.fixture(autouse=True)
def own_connections() -> Iterator[None]:
    """No connection or trust of another test is used, and none is left behind."""
    transport._connections.cache_clear()
    connection._tls.cache_clear()
    yield
    transport._connections.cache_clear()
    connection._tls.cache_clear()


@pytest.fixture
def context_for(tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    def make(*, address: str = "127.0.0.1", age_days: int = 0) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "help.example.test")])
        begins = datetime.now(UTC) - timedelta(days=1 + age_days)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / "server.pem").write_bytes(pem)
        (tmp_path / "server.key").write_bytes(secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
        return context

    return make


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate just made is the only one that is trusted."""
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "server.pem"))


def post(server: FakeServer, *, url: str = "", total: float = 5.0) -> int:
    caller = Caller(allow_private=True, timeout=(2.0, 1.0), total=total)
    return caller.request("POST", f"{url or server.url}/tickets", purpose="p", json={"a": 1}).status


def test_a_trusted_certificate_is_accepted_and_the_connection_used_again(
    context_for: Callable[..., ssl.SSLContext], trusted: None
) -> None:
    with serving(tls=context_for()) as server:
        TicketSystem(server)

        assert [post(server), post(server)] == [201, 201]
        assert [seen.connection for seen in server.seen] == [1, 1]


def test_an_unknown_certificate_means_not_sent(context_for: Callable[..., ssl.SSLContext]) -> None:
    with serving(tls=context_for()) as server, pytest.raises(NotSent, match=r"certificate of 127\.0\.0\.1 was refused"):
        post(server)
    assert server.seen == []


@pytest.mark.parametrize("how", [{"address": "127.0.0.2"}, {"age_days": 60}], ids=["other host", "expired"])
def test_a_certificate_that_does_not_fit_means_not_sent(
    context_for: Callable[..., ssl.SSLContext], trusted: None, how: dict[str, object]
) -> None:
    with serving(tls=context_for(**how)) as server, pytest.raises(NotSent, match="was refused"):
        post(server)
    assert server.seen == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(context_for: Callable[..., ssl.SSLContext], trusted: None) -> None:
    context = context_for()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    with serving(tls=context) as server, pytest.raises(NotSent, match=r"TLS 1\.2 or later"):
        post(server)


def test_a_server_without_tls_means_not_sent(server: FakeServer) -> None:
    with pytest.raises(NotSent, match="No TLS connection"):
        post(server, url=f"https://127.0.0.1:{server.port}")


def test_the_deadline_holds_under_tls(context_for: Callable[..., ssl.SSLContext], trusted: None) -> None:
    with serving(tls=context_for()) as server:
        server.fail("POST", "/tickets", Fault(trickle=True))
        server.fail("GET", "/tickets", Fault(trickle=True))

        with pytest.raises(OutcomeUnknown, match="did not answer in time"):
            post(server, total=0.6)
        with pytest.raises(Unavailable, match="did not answer in time"):
            Caller(allow_private=True, total=0.6).request("GET", f"{server.url}/tickets", purpose="p")
