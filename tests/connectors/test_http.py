"""What a call means when it goes wrong, and what is kept of it."""

from __future__ import annotations

import gzip
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from broker_project.lib.errors import (
    InvalidRecord,
    Misconfigured,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from connectors import transport
from connectors.answer import MAX_ANSWER

from .calling import HOST, caller, get, post
from .fake_server import Answer, FakeServer, Fault, TicketSystem


def test_an_answer_comes_whole_and_its_headers_ignore_case(server: FakeServer, tickets: TicketSystem) -> None:
    answer = caller().request("POST", f"{server.url}/tickets", purpose="create", json={"subject": "Größe"})

    assert (answer.status, answer.json()) == (201, {"subject": "Größe", "id": 1})
    assert answer.headers["location"] == f"{server.url}/tickets/1"
    assert server.seen[0].headers["content-type"] == "application/json"


def test_params_form_headers_and_basic_credentials_arrive(server: FakeServer) -> None:
    caller().request(
        "POST",
        f"{server.url}/x?fixed=1",
        purpose="p",
        params={"q": "a&b"},
        headers={"X-Trace": "7", "accept": "text/plain"},
        form={"grant": "a b"},
        auth=("üser", "wörd"),
    )

    seen = server.seen[0]
    assert seen.query == {"fixed": ["1"], "q": ["a&b"]}
    assert seen.body == b"grant=a+b"
    assert (seen.headers["x-trace"], seen.headers["accept"]) == ("7", "text/plain")
    assert seen.headers["authorization"] == "Basic w7xzZXI6d8O2cmQ="


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 503])
def test_refusals_are_returned_not_raised(server: FakeServer, status: int) -> None:
    server.fail("GET", "/tickets", Fault(status=status))

    assert get(server).status == status


@pytest.mark.parametrize(
    "fault",
    [
        Fault(drop=True),
        Fault(hang=True),
        Fault(trickle=True),
        Fault(half=True),
        Fault(garbage=b"220 mail.example.test ready\r\n"),
        Fault(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["dropped", "silent", "trickling", "half an answer", "not HTTP", "broken compression"],
)
class TestNoWholeAnswer:
    def test_leaves_a_read_unavailable(self, server: FakeServer, fault: Fault) -> None:
        server.fail("GET", "/tickets", fault)
        used = caller(total=0.8)

        with pytest.raises(Unavailable) as caught:
            get(server, used)

        assert caught.value.sentence.startswith(HOST)
        assert [(e.error, e.status) for e in used.exchanges] == [(caught.value.sentence, None)]
        assert len(server.seen) == 1

    def test_leaves_a_write_unknown(self, server: FakeServer, tickets: TicketSystem, fault: Fault) -> None:
        fault.when = "after"
        server.fail("POST", "/tickets", fault)
        used = caller(total=0.8)

        with pytest.raises(OutcomeUnknown):
            post(server, used)

        assert list(tickets.tickets) == ["1"]
        assert len(used.exchanges) == 1

    def test_is_unavailable_for_a_post_that_changes_nothing(self, server: FakeServer, fault: Fault) -> None:
        server.fail("POST", "/tickets", fault)

        with pytest.raises(Unavailable):
            post(server, caller(total=0.8), writes=False)


def test_a_connection_is_used_again(server: FakeServer, tickets: TicketSystem) -> None:
    get(server)
    post(server)
    get(server)

    assert [seen.connection for seen in server.seen] == [1, 1, 1]


def test_a_read_on_a_connection_that_the_server_closed_meanwhile_is_repeated_once(
    server: FakeServer, tickets: TicketSystem
) -> None:
    get(server)
    server.fail("GET", "/tickets", Fault(drop=True))  # what a close that crosses the request looks like
    used = caller()

    assert get(server, used).status == 200

    assert [seen.connection for seen in server.seen] == [1, 1, 2]
    assert len(used.exchanges) == 1


def test_a_read_is_not_repeated_a_second_time(server: FakeServer, tickets: TicketSystem) -> None:
    get(server)
    server.fail("GET", "/tickets", Fault(drop=True), times=2)

    with pytest.raises(Unavailable):
        get(server)

    assert len(server.seen) == 3


def test_the_repeat_takes_a_fresh_connection_even_when_others_wait(server: FakeServer, tickets: TicketSystem) -> None:
    both_in = threading.Barrier(2)
    server.routes["GET", "/meet"] = lambda _: Answer(200)
    server.unlocked = lambda _: both_in.wait(10)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: caller(timeout=(2.0, 9.0)).request("GET", f"{server.url}/meet", purpose="p"), "ab"))
    server.unlocked = lambda _: None
    server.fail("GET", "/tickets", Fault(drop=True), times=2)

    with pytest.raises(Unavailable):
        get(server)

    assert [seen.connection for seen in server.seen[2:]][-1] == 3
    assert len(server.seen) == 4


def test_a_write_on_a_connection_that_the_server_closed_meanwhile_is_unknown_and_not_repeated(
    server: FakeServer, tickets: TicketSystem
) -> None:
    get(server)
    server.fail("POST", "/tickets", Fault(drop=True))

    with pytest.raises(OutcomeUnknown):
        post(server)

    assert [seen.connection for seen in server.seen] == [1, 1]
    assert tickets.tickets == {}


def test_a_connection_that_was_seen_to_close_is_not_used(server: FakeServer, tickets: TicketSystem) -> None:
    server.fail("GET", "/tickets", Fault(body=[], headers={"Connection": "close"}))
    get(server)

    assert post(server).status == 201


def test_a_read_that_fails_on_a_new_connection_is_not_repeated(server: FakeServer, tickets: TicketSystem) -> None:
    server.fail("GET", "/tickets", Fault(body=[], headers={"Connection": "close"}))
    get(server)
    server.fail("GET", "/tickets", Fault(drop=True))

    with pytest.raises(Unavailable):
        get(server)

    assert len(server.seen) == 2


def test_a_connection_idle_for_long_is_not_trusted_with_a_write(
    server: FakeServer, tickets: TicketSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(server)
    monkeypatch.setattr(transport, "_IDLE_LIMIT", 0.0)

    post(server)

    assert [seen.connection for seen in server.seen] == [1, 2]


def test_many_threads_share_the_connections(server: FakeServer, tickets: TicketSystem) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: post(server, caller(timeout=(5.0, 5.0))).status, range(64)))

    assert statuses == [201] * 64
    assert len(tickets.tickets) == 64
    assert server.connections <= 8


def test_a_forked_process_opens_its_own_connections(server: FakeServer, tickets: TicketSystem) -> None:
    get(server)

    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if get(server).status == 200 else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    get(server)

    assert status == 0
    assert [seen.connection for seen in server.seen] == [1, 2, 1]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_means_not_sent(closed_port: int, method: str) -> None:
    used = caller()

    with pytest.raises(NotSent, match="refused the connection"):
        used.request(method, f"http://127.0.0.1:{closed_port}/x", purpose="p")

    assert (
        used.exchanges[0].error == f"{HOST} refused the connection. Check host and port, and whether the system runs."
    )


def test_an_unknown_name_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(NotSent, match=r"help\.example\.test was not found"):
        caller().request("POST", "https://help.example.test/x", purpose="p", json={})


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port that takes no further connection: nobody accepts, and the queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            waiting.append(filler)
        yield port
        for filler in waiting:
            filler.close()


def test_a_connection_that_is_not_accepted_in_time_means_not_sent(full_backlog: int) -> None:
    with pytest.raises(NotSent, match="did not accept a connection in time"):
        caller(timeout=(0.2, 5.0)).request("POST", f"http://127.0.0.1:{full_backlog}/x", purpose="p", json={})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_names_the_host(server: FakeServer, status: int) -> None:
    location = "https://elsewhere.example.test/sign-in?token=fictitious"
    server.fail("GET", "/tickets", Fault(status=status, headers={"Location": location}))
    used = caller()

    with pytest.raises(Misconfigured, match=r"redirect \(30.\) to elsewhere\.example\.test") as caught:
        get(server, used)

    assert "fictitious" not in caught.value.sentence + repr(used.exchanges)
    assert used.exchanges[0].status == status
    assert len(server.seen) == 1


def test_an_endless_answer_is_cut_off(server: FakeServer, tickets: TicketSystem) -> None:
    huge = Fault(body=b"x" * (MAX_ANSWER + 1), when="after")
    server.fail("GET", "/tickets", huge)
    server.fail("POST", "/tickets", huge)

    with pytest.raises(Rejected, match="more than 10 MiB"):
        get(server)
    with pytest.raises(OutcomeUnknown, match="more than 10 MiB"):
        post(server)


def test_a_compressed_answer_is_measured_unpacked(server: FakeServer) -> None:
    bomb = gzip.compress(b"0" * (MAX_ANSWER + 1))
    server.fail("GET", "/tickets", Fault(body=bomb, headers={"Content-Encoding": "gzip"}))

    with pytest.raises(Rejected, match="more than 10 MiB"):
        get(server)


def test_a_compressed_answer_is_unpacked(server: FakeServer) -> None:
    server.fail("GET", "/tickets", Fault(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))

    assert get(server).json() == {"a": 1}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://help.example.test/x",
        "file:///etc/passwd",
        "help.example.test/x",
        "https:///x",
        "https://user:fictitious-word@help.example.test/x",
        "https://help.example.test/a b",
        "https://help.example.test\\@other.example.test/",
        "https://help.example.test/\r\nX: y",
        "https://help.example.test:port/",
        "https://[::1/",
        "",
    ],
)
def test_a_strange_address_is_refused_before_anything_happens(url: str) -> None:
    used = caller()

    with pytest.raises(Misconfigured) as caught:
        used.request("GET", url, purpose="p")

    assert "fictitious" not in caught.value.sentence + repr(used.exchanges)
    assert [exchange.error for exchange in used.exchanges] == [caught.value.sentence]


def test_fields_that_json_cannot_hold_are_refused(server: FakeServer) -> None:
    for fields in ({"a": float("nan")}, {"a": "\ud800"}):
        with pytest.raises(InvalidRecord):
            caller().request("POST", f"{server.url}/tickets", purpose="p", json=fields)
    assert server.seen == []


@pytest.mark.parametrize("value", ["fictitious\nX-Admin: 1", "fictitious\r", "fictitious-☃", "fictitious\0"])
def test_a_header_that_cannot_be_sent_is_refused_without_showing_it(server: FakeServer, value: str) -> None:
    used = caller()

    with pytest.raises(Misconfigured) as caught:
        get(server, used, headers={"Authorization": f"Bearer {value}"})

    assert server.seen == []
    assert "fictitious" not in caught.value.sentence + repr(used.exchanges)


def test_cookies_are_not_carried_from_one_caller_to_another(server: FakeServer, tickets: TicketSystem) -> None:
    server.fail("GET", "/tickets", Fault(body=[], headers={"Set-Cookie": "session=fictitious; Path=/"}))
    get(server)

    get(server)

    assert "cookie" not in server.seen[1].headers


def test_proxies_of_the_environment_are_ignored(
    server: FakeServer, tickets: TicketSystem, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")

    assert get(server).status == 200


def test_a_slow_neighbour_does_not_hold_the_others(server: FakeServer, tickets: TicketSystem) -> None:
    server.fail("GET", "/tickets", Fault(hang=True))
    outcome: list[type[BaseException]] = []

    def slow() -> None:
        try:
            get(server, caller(timeout=(2.0, 2.0)))
        except Unavailable as error:
            outcome.append(type(error))

    thread = threading.Thread(target=slow)
    thread.start()
    while not server.seen:
        thread.join(0.01)
    assert post(server).status == 201
    assert thread.is_alive()
    server.released.set()
    thread.join()
    assert outcome == [Unavailable]
