"""Receivers that run as real servers on the loopback, and a clock that tests move by hand."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connectors.models import Connector
from synclog.alert_models import AlertChannel
from tests.admin import world
from tests.admin.conftest import browser, operator  # noqa: F401 - fixtures


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent; ``status`` is its answer from now on."""

    received: list[Received] = field(default_factory=list)
    status: int = 200
    url: str = ""
    port: int = 0


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as server:
        made.port = server.server_address[1]
        made.url = f"http://127.0.0.1:{made.port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass
class Mailbox:
    """What an SMTP server was given: (recipients, the message as text)."""

    port: int = 0
    refuses: bool = False
    mails: list[tuple[list[str], str]] = field(default_factory=list)


def _smtp(box: Mailbox) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail.example.test")
            to: list[str] = []
            while line := self.rfile.readline().decode().strip():
                verb = line.upper()
                if verb.startswith("RCPT TO:"):
                    to.append(line[8:].strip(" <>"))
                    self.say("550 no such user" if box.refuses else "250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    rows = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                    box.mails.append((to, "\n".join(rows)))
                    to = []
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    return Handler


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A mail server, and the settings that lead to it."""
    box = Mailbox()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _smtp(box)) as server:
        box.port = server.server_address[1]
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", box.port, 5
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield box
        server.shutdown()
        thread.join()


@pytest.fixture
def desk(db: None) -> Connector:
    return world.connector(world.company(), notification_emails="desk@example.test\nlead@example.test")


def channel(receiver: Receiver, kind: str = "webhook", **more: Any) -> AlertChannel:
    """A channel that sends to the receiver, by an address that is a secret."""
    given = {"name": kind, "kind": kind, "url": f"{receiver.url}/hooks/T0-secret-path", "host": "127.0.0.1"}
    return AlertChannel.objects.create(**{**given, **more})
