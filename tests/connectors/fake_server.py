"""A small stateful ticket system over real HTTP on the loopback, which can be told to misbehave."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = Any


@dataclass
class Fault:
    """How one request goes wrong. ``when`` is "before" (nothing is carried out) or "after" the work is done."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Json = b""
    drop: bool = False
    hang: bool = False
    trickle: bool = False
    half: bool = False
    garbage: bytes = b""  # sent as it is, and the connection cut off
    raw: bytes = b""  # sent as it is
    when: str = "before"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. ``connection`` numbers the TCP connections."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    connection: int

    def json(self) -> Json:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[..., Answer]


class FakeServer:
    """Serves ``routes`` ((method, path pattern) -> function of (request, *groups)); queued faults come first."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.routes: dict[tuple[str, str], Route] = {}
        self.released = threading.Event()
        self.unlocked: Callable[[Seen], object] = lambda _: None  # called for each request, by many threads at once
        self.lock = threading.Lock()
        self._faults: dict[tuple[str, str], list[Fault]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if tls else "http"
        self.connections = 0
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def fail(self, method: str, path: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next ``times`` requests of this method and path go wrong."""
        self._faults.setdefault((method, path), []).extend([fault] * times)

    def route(self, method: str, pattern: str) -> Callable[[Route], Route]:
        def add(function: Route) -> Route:
            self.routes[method, pattern] = function
            return function

        return add

    def next_fault(self, method: str, path: str) -> Fault | None:
        queue = self._faults.get((method, path))
        return queue.pop(0) if queue else None

    def work(self, request: Seen) -> Answer:
        for (method, pattern), function in self.routes.items():
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                with self.lock:
                    return function(request, *map(unquote, match.groups()))
        return Answer(404, {"message": "no such path"})

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with fake.lock:
                fake.connections += 1
                self.number = fake.connections

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the client went away
                self.close_connection = True

        def answer_all(self) -> None:
            address = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            request = Seen(
                method=self.command,
                path=address.path,
                query=parse_qs(address.query, keep_blank_values=True),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(size),
                connection=self.number,
            )
            fake.seen.append(request)
            fake.unlocked(request)
            fault = fake.next_fault(self.command, address.path)
            if fault is None or fault.when == "after":
                answer = fake.work(request)
            if fault is not None:
                self.misbehave(fault)
            else:
                self.send(answer.status, answer.body, answer.headers)

        do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = answer_all

        def misbehave(self, fault: Fault) -> None:
            if fault.drop:
                self.cut()
            elif fault.hang:
                fake.released.wait(30)
                self.cut()
            elif fault.garbage:
                self.wfile.write(fault.garbage)
                self.cut()
            elif fault.raw:
                self.wfile.write(fault.raw)
            elif fault.half:
                self.wfile.write(
                    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id"'
                )
                self.cut()
            elif fault.trickle:
                self.trickle()
            else:
                self.send(fault.status or 200, fault.body, fault.headers)

        def trickle(self) -> None:
            """A whole answer, given time: its head and its body come in drops over three seconds."""
            body = b"[" + b" " * 28 + b"]"
            head = b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 30 + b"Content-Length: 30\r\n\r\n"
            drops = [*(head[at : at + 13] for at in range(0, len(head), 13)), *(bytes([byte]) for byte in body)]
            for drop in drops:
                self.wfile.write(drop)
                if fake.released.wait(3.0 / len(drops)):
                    return self.cut()

        def cut(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def send(self, status: int, body: Json, headers: Mapping[str, str]) -> None:
            raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving(*, tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    with FakeServer(tls=tls) as server:
        yield server


class TicketSystem:
    """Tickets and notes: POST and GET /tickets, GET, PUT and PATCH /tickets/{id}, POST /tickets/{id}/notes."""

    def __init__(self, server: FakeServer, *, authorized: Callable[[Seen], bool] = lambda _: True) -> None:
        self.server = server
        self.tickets: dict[str, dict[str, Json]] = {}
        self.notes: list[tuple[str, dict[str, Json]]] = []
        self.authorized = authorized
        for method, pattern, function in (
            ("GET", "/tickets", self._find),
            ("POST", "/tickets", self._create),
            ("GET", "/tickets/([^/]+)", self._read),
            ("PUT", "/tickets/([^/]+)", self._update),
            ("PATCH", "/tickets/([^/]+)", self._update),
            ("POST", "/tickets/([^/]+)/notes", self._note),
        ):
            server.routes[method, pattern] = self._guarded(function)

    def _guarded(self, function: Route) -> Route:
        def guarded(request: Seen, *groups: str) -> Answer:
            if not self.authorized(request):
                return Answer(401, {"message": "who are you?"})
            return function(request, *groups)

        return guarded

    def _find(self, request: Seen) -> Answer:
        wanted = {name: values[0] for name, values in request.query.items()}
        return Answer(200, [t for t in self.tickets.values() if all(str(t.get(n)) == v for n, v in wanted.items())])

    def _create(self, request: Seen) -> Answer:
        number = str(len(self.tickets) + 1)
        self.tickets[number] = {**request.json(), "id": int(number)}
        return Answer(201, self.tickets[number], {"Location": f"{self.server.url}/tickets/{number}"})

    def _read(self, request: Seen, number: str) -> Answer:
        found = self.tickets.get(number)
        return Answer(200, found) if found else Answer(404, {"message": "no such ticket"})

    def _update(self, request: Seen, number: str) -> Answer:
        if number not in self.tickets:
            return Answer(404, {"message": "no such ticket"})
        self.tickets[number].update(request.json())
        return Answer(200, self.tickets[number])

    def _note(self, request: Seen, number: str) -> Answer:
        if number not in self.tickets:
            return Answer(404, {"message": "no such ticket"})
        self.notes.append((number, request.json()))
        return Answer(201, {"id": len(self.notes)})
