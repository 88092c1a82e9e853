from __future__ import annotations

import socket
import threading

import pytest
import requests
from werkzeug.wrappers import Request, Response

from broker_project.sandbox.serve import BODY_LIMIT, Server


@Request.application
def echo(request: Request) -> Response:
    if request.path == "/fail":
        raise RuntimeError("on purpose")
    return Response(f"{request.method} {request.path} {request.query_string.decode()} {len(request.get_data())}")


def raw(url: str, text: bytes) -> bytes:
    """Send bytes on one connection and read until it is closed."""
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def test_one_connection_serves_many_requests() -> None:
    request = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    last = b"GET /b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with Server(echo) as url:
        answer = raw(url, request + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"POST /a  3" in answer
    assert answer.endswith(b"GET /b c=d 0")


def test_a_chunked_body_is_read_whole() -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    request = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with Server(echo) as url:
        assert raw(url, request).endswith(b"POST /a  5")


@pytest.mark.parametrize("length", [str(BODY_LIMIT + 1), "-1", "many"])
def test_a_body_that_is_too_large_or_malformed_is_refused_unread(length: str) -> None:
    request = f"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
    with Server(echo) as url:
        assert raw(url, request).startswith(b"HTTP/1.1 413")


def test_a_failing_application_answers_500_and_the_server_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with Server(echo) as url, requests.Session() as session:
        assert session.get(f"{url}/fail", timeout=10).status_code == 500
        assert session.get(f"{url}/fine", timeout=10).text == "GET /fine  0"
    assert "on purpose" in capsys.readouterr().err


def test_head_has_the_length_and_no_body() -> None:
    with Server(echo) as url:
        answer = raw(url, b"HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 10" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_only_loopback_is_bound_and_a_busy_port_is_an_error() -> None:
    with Server(echo) as url:
        assert url.startswith("http://127.0.0.1:")
        with pytest.raises(OSError, match="in use"):
            Server(echo, port=int(url.rpartition(":")[2])).start()


def test_stop_cuts_idle_connections_and_may_be_called_twice() -> None:
    server = Server(echo)
    url = server.start()
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        server.stop()
        server.stop()
        while connection.recv(65536):
            pass  # ends because the server closed
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_many_clients_at_once_each_get_their_own_answer() -> None:
    wrong: list[str] = []

    def client(number: int, url: str) -> None:
        with requests.Session() as session:
            for turn in range(15):
                text = session.post(f"{url}/{number}/{turn}", data=b"x" * turn, timeout=20).text
                if text != f"POST /{number}/{turn}  {turn}":
                    wrong.append(text)

    with Server(echo) as url:
        threads = [threading.Thread(target=client, args=(number, url)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
