"""Both simulators behind real servers, clients that speak to them, and a receiver for what they send."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from broker_project.sandbox import fieldnation as fn
from broker_project.sandbox import helpdesk as hd
from broker_project.sandbox.serve import Server


class Client:
    """A pooled session that prefixes the server's URL and never follows the environment's proxies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, **settings: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=settings.pop("timeout", 10), **settings)


@dataclass
class Receiver:
    """Takes webhooks and trigger calls. ``answer`` gives the status for the request's place in the arrivals, from 0."""

    url: str = ""
    answer: Callable[[int], int] = lambda place: 202
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bodies(self) -> list[dict[str, Any]]:
        with self.lock:
            return [json.loads(raw) for _, raw in self.taken]

    def names(self) -> list[str]:
        return [body["event"]["name"] for body in self.bodies()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    taker = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            with taker.lock:
                taker.taken.append(({**dict(self.headers), ":method": self.command}, raw))
                place = len(taker.taken) - 1
            self.send_response(taker.answer(place))
            self.send_header("Content-Length", "0")
            self.send_header("Location", taker.url)  # counts with a 302 only
            self.end_headers()

        do_PUT = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        taker.url = f"http://127.0.0.1:{server.server_address[1]}/in"
        yield taker
        server.shutdown()


# Building the routes and starting a server costs far more than a reset, so both simulators run once for all tests.


@pytest.fixture(scope="session")
def _running_desk() -> Iterator[tuple[hd.HelpDesk, str]]:
    with hd.HelpDesk() as simulator, Server(simulator.app) as url:
        yield simulator, url


@pytest.fixture(scope="session")
def _running_sim() -> Iterator[tuple[fn.FieldNationSim, str]]:
    with fn.FieldNationSim(first_wait=0.02, webhook_timeout=5.0) as simulator, Server(simulator.app) as url:
        yield simulator, url


@pytest.fixture
def desk(_running_desk: tuple[hd.HelpDesk, str]) -> hd.HelpDesk:
    _running_desk[0].forget()
    return _running_desk[0]


@pytest.fixture
def ask_desk(desk: hd.HelpDesk, _running_desk: tuple[hd.HelpDesk, str]) -> Iterator[Client]:
    """Calls the Help Desk with its key."""
    client = Client(_running_desk[1])
    client.session.headers["X-API-Key"] = hd.API_KEY
    with client.session:
        yield client


@pytest.fixture
def sim(_running_sim: tuple[fn.FieldNationSim, str]) -> fn.FieldNationSim:
    _running_sim[0].forget()
    return _running_sim[0]


@pytest.fixture
def ask(sim: fn.FieldNationSim, _running_sim: tuple[fn.FieldNationSim, str]) -> Iterator[Client]:
    """Calls Field Nation, signed in: token in the query and as bearer."""
    client = Client(_running_sim[1])
    sign_in(client)
    with client.session:
        yield client


def sign_in(client: Client) -> str:
    answer = client(
        "POST",
        fn.TOKEN_PATH,
        json={
            "grant_type": "password",
            "client_id": fn.CLIENT_ID,
            "client_secret": fn.CLIENT_WORD,
            "username": fn.USERNAME,
            "password": fn.USER_WORD,
        },
    )
    token: str = answer.json()["access_token"]
    client.session.params = {"access_token": token}
    client.session.headers["Authorization"] = f"Bearer {token}"
    return token


def subscribe(client: Client, url: str, *events: str, **members: Any) -> dict[str, Any]:
    names = list(events) or [row["name"] for row in client("GET", "/api/v1/webhooks/events").json()["result"]]
    body = {"events": names, "url": url, "method": "post", "status": "active", **members}
    answer = client("POST", "/api/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    hook: dict[str, Any] = answer.json()["result"]
    return hook


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread; the limit only ends a broken test."""
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)
