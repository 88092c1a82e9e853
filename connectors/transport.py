"""The connections behind ``connectors.http``: pool, time limits, address guard, and what a failure means.

Only ``connectors.http`` uses this module.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError

from broker_project.lib.errors import BrokerError, Misconfigured, NotSent, OutcomeUnknown, Rejected, Unavailable
from connectors.addresses import is_metadata, is_private

MAX_ANSWER = 10 * 1024 * 1024
"""Bytes of an answer that are read, after decompression; a longer one is an error."""

_POOLED_HOSTS, _POOLED_CONNECTIONS = 256, 64
_IDLE_LIMIT = 4.0  # seconds; common servers close idle connections after 5, and a write lost in that race is ambiguous
_CHUNK = 65_536

# The library's own log lines hold addresses, and some interfaces carry tokens there.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@dataclass
class Call:
    """The limits of the call that this thread is making, and how far it got. ``deadline`` on the monotonic clock."""

    allow_private: bool
    connect_timeout: float
    read_timeout: float
    deadline: float
    writes: bool
    sent: bool = False
    reused: bool = False
    fresh: bool = False  # take no pooled connection

    def wait(self, limit: float) -> float:
        """Seconds that the next step may take, ``limit`` at most. Raises TimeoutError when none are left."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, limit)


def fetch(request: requests.PreparedRequest, call: Call) -> tuple[int, CaseInsensitiveDict[str], bytes]:
    """Status, headers and whole body of the answer. Raises what ``Caller.request`` documents, redirects excepted."""
    host = urlsplit(request.url or "").hostname or ""
    raw: BaseHTTPResponse | None = None
    try:
        raw = _opened(request, call)
        body = _whole_body(raw, call, host)
    except (HTTPError, OSError) as exc:
        raise _unanswered(exc, call, host) from None
    finally:
        if raw is not None:
            raw.release_conn()
    return raw.status, CaseInsensitiveDict(raw.headers), body


def _opened(request: requests.PreparedRequest, call: Call) -> BaseHTTPResponse:
    """Send, and read the head of the answer. A read that met a connection closed while idle is sent again, once."""
    _thread.call = call
    pool = _connections().connection_from_url(request.url or "")
    while True:
        try:
            return pool.urlopen(
                request.method or "",
                request.path_url,
                body=request.body,
                headers=request.headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=Timeout(connect=call.connect_timeout, read=call.read_timeout),
                preload_content=False,
                decode_content=True,
            )
        except (HTTPError, OSError) as exc:
            if call.writes or not call.reused or isinstance(exc, ReadTimeoutError):
                raise
        call.fresh = True


def _whole_body(raw: BaseHTTPResponse, call: Call, host: str) -> bytes:
    body, complete = bytearray(), False
    try:
        for chunk in raw.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_ANSWER:
                raise _too_long(call, host)
        complete = True
    finally:
        if not complete:
            raw.close()
    return bytes(body)


def _too_long(call: Call, host: str) -> BrokerError:
    sentence = f"{host} sent an answer of more than {MAX_ANSWER // 1024 // 1024} MiB, which is not read."
    if call.writes:
        return OutcomeUnknown(f"{sentence} What was written may be there; look before sending it again.")
    return Rejected(f"{sentence} Choose an address or parameters that answer with less.")


def _unanswered(exc: Exception, call: Call, host: str) -> BrokerError:
    if not call.sent:
        return NotSent(f"{host} could not be reached.", detail=type(exc).__name__)
    timed_out = isinstance(exc, ReadTimeoutError | TimeoutError) or monotonic() >= call.deadline
    what = "did not answer in time" if timed_out else "broke the connection off before its answer was complete"
    if not call.writes:
        return Unavailable(f"{host} {what}.", detail=type(exc).__name__)
    return OutcomeUnknown(
        f"{host} {what}. It may have done what was asked; look before sending it again.", detail=type(exc).__name__
    )


_thread = threading.local()


def _this_call() -> Call:
    call: Call = _thread.call
    return call


def _limit(sock: socket.socket) -> None:
    call = _this_call()
    sock.settimeout(call.wait(call.read_timeout))


class _PlainSocket(socket.socket):
    """Its reads and writes end with the call's deadline, however steadily bytes trickle in."""

    def recv_into(self, *args: Any) -> int:
        _limit(self)
        return super().recv_into(*args)

    def sendall(self, *args: Any) -> None:
        _limit(self)
        super().sendall(*args)


class _TlsSocket(ssl.SSLSocket):
    """The same under TLS."""

    def recv_into(self, *args: Any) -> int:
        _limit(self)
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        _limit(self)
        return super().send(*args)


class _Connection(HTTPConnection):
    """Connects to admitted addresses only, and notes whether the request went out on a used connection."""

    _served = 0
    _idle_since = 0.0
    _private = False

    @property
    def is_connected(self) -> bool:
        return not _this_call().fresh and monotonic() - self._idle_since < _IDLE_LIMIT and super().is_connected

    def connect(self) -> None:
        self._served = 0
        self.timeout = _this_call().wait(self.timeout or 0.0)
        try:
            super().connect()
        except (OSError, HTTPError, UnicodeError) as exc:
            raise NotSent(_why_not_sent(exc, self.host), detail=type(exc).__name__) from None

    def _new_conn(self) -> socket.socket:
        sock, self._private = _open_socket(self.host, self.port, self.socket_options or ())
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        call = _this_call()
        if self.is_closed:
            self.connect()
        if self._private and not call.allow_private:  # opened for a caller who may
            raise _private_refused(self.host)
        call.sent, call.reused = True, self._served > 0
        self._served += 1
        self.timeout = call.read_timeout
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._idle_since = monotonic()
        return response


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


@cache
def _connections() -> PoolManager:
    """The process's connections. They keep no cookies, and nothing of one caller that another could see."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TlsSocket
    manager = PoolManager(
        num_pools=_POOLED_HOSTS, maxsize=_POOLED_CONNECTIONS, block=False, retries=False, ssl_context=context
    )
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


os.register_at_fork(after_in_child=_connections.cache_clear)  # two processes must not talk on one socket


def _open_socket(host: str, port: int, options: Sequence[Any]) -> tuple[socket.socket, bool]:
    """A connected socket, and whether it leads into the own network. The name is looked up once: what was checked is
    what is connected to."""
    call = _this_call()
    failure: OSError | None = None
    refused: BrokerError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        ip = str(address[0])
        private = is_private(ip)
        if is_metadata(ip):
            refused = Misconfigured(f"{host} leads to a cloud metadata address, which is never called.")
            continue
        if private and not call.allow_private:
            refused = _private_refused(host)
            continue
        try:
            sock = _PlainSocket(family, kind, protocol)
            try:
                for option in options:
                    sock.setsockopt(*option)
                sock.settimeout(call.wait(call.connect_timeout))
                sock.connect(address)
            except BaseException:
                sock.close()
                raise
        except OSError as exc:
            failure = exc
        else:
            return sock, private
    raise failure or refused or OSError("no address")


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
