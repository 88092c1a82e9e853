"""One connection: opened to admitted addresses only, then used for one request after another."""

from __future__ import annotations

import os
import select
import socket
import ssl
from functools import cache
from time import monotonic

import certifi

from broker_project.lib.errors import BrokerError, Misconfigured, NotSent
from connectors.addresses import is_metadata, is_private
from connectors.answer import Answer
from connectors.call import Call
from connectors.request import Origin

_CHUNK = 65_536


class Connection:
    """``sock`` is connected. Not thread-safe."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._limit: float | None = None
        self._idle_since = monotonic()
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)

    def exchange(self, wire: bytes, answer: Answer, call: Call) -> bool:
        """Send the request ``wire`` and read its ``answer``; whether the connection can be used again.

        Raises OSError (TimeoutError at a limit) and what ``answer.feed`` raises. Whoever calls closes the connection
        then.
        """
        call.sent = True
        was_sent = self._send(wire, call)
        while not answer.is_whole:
            self._limit_step(call)
            answer.feed(self._sock.recv(_CHUNK))
        self._idle_since = monotonic()
        return was_sent and answer.keeps_open

    def is_usable(self, idle_limit: float) -> bool:
        """Whether it is idle for less than ``idle_limit`` seconds, and nothing came meanwhile, the end least of all."""
        return monotonic() - self._idle_since < idle_limit and not self._readable.poll(0)

    def close(self) -> None:
        self._sock.close()

    def _send(self, wire: bytes, call: Call) -> bool:
        """False when the other side stopped reading, which it may do once it has answered (with a refusal, say)."""
        left = memoryview(wire)
        try:
            while left:
                self._limit_step(call)
                left = left[self._sock.send(left) :]
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _limit_step(self, call: Call) -> None:
        """The next step ends with the call's deadline, however steadily bytes trickle in."""
        limit = call.wait(call.read_timeout)
        if limit != self._limit:
            self._sock.settimeout(limit)
            self._limit = limit


def opened(origin: Origin, call: Call) -> Connection:
    """A new connection. Raises Misconfigured (address refused) and NotSent."""
    try:
        sock = _connected(origin.host, origin.port, call)
        return Connection(_under_tls(sock, origin.host, call) if origin.scheme == "https" else sock)
    except (OSError, UnicodeError) as exc:
        raise NotSent(_why_not_sent(exc, origin.host), detail=type(exc).__name__) from None


def _connected(host: str, port: int, call: Call) -> socket.socket:
    """The name is looked up once: what was checked is what is connected to."""
    failure: OSError | None = None
    refused: BrokerError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        ip = str(address[0])
        if is_metadata(ip):
            refused = Misconfigured(f"{host} leads to a cloud metadata address, which is never called.")
            continue
        if not call.allow_private and is_private(ip):
            refused = _private_refused(host)
            continue
        try:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(call.wait(call.connect_timeout))
                sock.connect(address)
            except BaseException:
                sock.close()
                raise
        except OSError as exc:
            failure = exc
        else:
            return sock
    raise failure or refused or OSError("no address")


def _under_tls(sock: socket.socket, host: str, call: Call) -> ssl.SSLSocket:
    try:
        sock.settimeout(call.wait(call.connect_timeout))
        return _tls().wrap_socket(sock, server_hostname=host.rstrip("."))
    except BaseException:
        sock.close()
        raise


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


os.register_at_fork(after_in_child=_tls.cache_clear)


def _private_refused(host: str) -> Misconfigured:
    return Misconfigured(
        f"{host} leads to an address inside a private network, which is not allowed. "
        "Use a public address, or allow private addresses in the settings."
    )


def _why_not_sent(exc: Exception, host: str) -> str:
    if isinstance(exc, socket.gaierror | UnicodeError):
        return f"{host} was not found: the name has no address. Check the spelling of the address."
    if isinstance(exc, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {host} was refused ({exc.verify_message}). It must be valid and signed by a known CA."
        )
    if isinstance(exc, ssl.SSLError):
        return f"No TLS connection to {host}: it must offer TLS 1.2 or later on this port."
    if isinstance(exc, TimeoutError):
        return f"{host} did not accept a connection in time. Is it reachable from here (firewall, VPN, allow list)?"
    if isinstance(exc, ConnectionRefusedError):
        return f"{host} refused the connection. Check host and port, and whether the system runs."
    return f"{host} could not be reached. Check the address and the network."
