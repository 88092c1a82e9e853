"""Connections over time: kept, shared, limited, and what a broken one means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from broker_project.lib.errors import OutcomeUnknown, Unavailable
from connectors import transport
from connectors.answer import Answer as HttpAnswer
from connectors.call import Call
from connectors.connection import Connection
from connectors.request import Origin

from .calling import HOST, caller, get, post
from .fake_server import Answer, FakeServer, Fault, TicketSystem

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def scripted(*connections: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """An address whose connections, in turn, answer each request with the next bytes and then close without a word;
    and the beginning of each request."""
    came: list[bytes] = []

    def serve() -> None:
        for answers in connections:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with sock:
                for answer in answers:
                    came.append(sock.recv(65_536))
                    sock.sendall(answer)

    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://{HOST}:{listening.getsockname()[1]}", came
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def idle_at(url: str) -> list[Connection]:
    origin = Origin("http", HOST, int(url.rpartition(":")[2]))
    return transport._connections()._idle.get((origin, True), [])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_close_while_idle_is_seen_before_anything_is_sent(method: str) -> None:
    with scripted([EMPTY], [EMPTY]) as (url, came):
        used = caller()
        used.request("GET", url, purpose="p")
        idle_at(url)[0]._readable.poll(10_000)  # the close arrives

        assert used.request(method, url, purpose="p").status == 200

    assert [request.partition(b" ")[0].decode() for request in came] == ["GET", method]


def test_bytes_that_nobody_asked_for_end_a_connection(server: FakeServer, tickets: TicketSystem) -> None:
    server.fail("GET", "/tickets", Fault(raw=EMPTY + EMPTY))
    get(server)

    post(server)

    assert [seen.connection for seen in server.seen] == [1, 2]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_connection_that_is_to_be_closed_is_not_kept(server: FakeServer, tickets: TicketSystem, raw: bytes) -> None:
    server.fail("GET", "/tickets", Fault(raw=raw))
    get(server)

    assert idle_at(server.url) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + EMPTY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_a_connection_is_kept_after_a_whole_answer(server: FakeServer, tickets: TicketSystem, raw: bytes) -> None:
    server.fail("GET", "/tickets", Fault(raw=raw))
    get(server)

    assert post(server).status == 201
    assert [seen.connection for seen in server.seen] == [1, 1]


def test_an_answer_without_a_length_goes_on_to_the_end(server: FakeServer) -> None:
    server.fail("GET", "/tickets", Fault(garbage=b"HTTP/1.1 200 OK\r\n\r\n[1, 2]"))

    assert get(server).json() == [1, 2]


def test_the_answer_to_head_leaves_the_connection_usable(server: FakeServer, tickets: TicketSystem) -> None:
    server.fail("HEAD", "/tickets", Fault(body={"n": 1}))

    answer = caller().request("HEAD", f"{server.url}/tickets", purpose="p")

    assert (answer.headers["content-length"], answer.body) == ("8", b"")
    assert post(server).status == 201
    assert [seen.connection for seen in server.seen] == [1, 1]


def test_a_refusal_that_comes_before_all_was_sent_is_the_answer() -> None:
    near, far = socket.socketpair()
    far.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    far.close()  # sending breaks from here on
    connection, answer = Connection(near), HttpAnswer()
    limits = Call(allow_private=True, connect_timeout=1, read_timeout=5, deadline=monotonic() + 5, writes=True)

    keeps_open = connection.exchange(b"POST / HTTP/1.1\r\n\r\n", answer, limits)

    assert (answer.is_whole, answer.status, keeps_open) == (True, 413, False)
    connection.close()


@pytest.mark.parametrize(("method", "error"), [("GET", Unavailable), ("POST", OutcomeUnknown)])
def test_an_answer_that_began_on_a_used_connection_is_not_asked_for_again(method: str, error: type[Exception]) -> None:
    with scripted([EMPTY, b"HTTP/1.1 200 OK\r\n"], [EMPTY]) as (url, came):
        caller().request("GET", url, purpose="p")

        with pytest.raises(error):
            caller().request(method, url, purpose="p")

        assert len(came) == 2


def test_a_write_that_cannot_be_sent_on_a_used_connection_is_unknown_and_not_repeated(
    server: FakeServer, tickets: TicketSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(server)

    def broken(*_: Any) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(socket.socket, "send", broken)

    with pytest.raises(OutcomeUnknown):
        post(server, caller(timeout=(2.0, 0.2)))

    assert [seen.method for seen in server.seen] == ["GET"]
    assert server.connections == 1


def test_a_place_keeps_a_limited_number_of_connections(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_POOLED_CONNECTIONS", 2)
    all_in = threading.Barrier(5)
    server.routes["GET", "/meet"] = lambda _: Answer(200)
    server.unlocked = lambda _: all_in.wait(10)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: caller(timeout=(2.0, 9.0)).request("GET", f"{server.url}/meet", purpose="p"), range(5)))

    assert server.connections == 5
    assert len(idle_at(server.url)) == 2


def test_the_place_unused_for_longest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_POOLED_PLACES", 2)
    pool, ours, theirs = transport.Pool(), [], []
    places = [(Origin("http", f"{name}.example.test", 80), False) for name in "abc"]
    for place in [places[0], places[1], places[0], places[2]]:
        near, far = socket.socketpair()
        far.settimeout(5)
        ours.append(Connection(near))
        theirs.append(far)
        pool.put(place, ours[-1])

    assert theirs[1].recv(1) == b""  # closed
    assert [pool.take(place) for place in places] == [ours[2], None, ours[3]]
    assert (pool.take(places[0]), pool.take(places[0])) == (ours[0], None)
    for connection in ours:
        connection.close()
    for sock in theirs:
        sock.close()


def test_a_connection_serves_one_thread_at_a_time(server: FakeServer, tickets: TicketSystem) -> None:
    """Answers would get mixed up otherwise."""

    def make(number: int) -> bool:
        used = caller(timeout=(5.0, 5.0))
        return bool(
            used.request("POST", f"{server.url}/tickets", purpose="p", json={"n": number}).json()["n"] == number
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(make, range(200)))

    assert server.connections <= 8
