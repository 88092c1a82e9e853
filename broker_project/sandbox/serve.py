"""A threaded HTTP/1.1 server with keep-alive for WSGI applications, on the loopback address only."""

from __future__ import annotations

import io
import socket
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes, urlsplit

from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

BODY_LIMIT = 16 * 1024 * 1024
IDLE_SECONDS = 75.0


class ConnectionDropped(Exception):
    """Raised by an application that has cut the connection itself: nothing is answered."""


class _Handler(BaseHTTPRequestHandler):
    """One connection. The body is read whole before the application runs, so the next request starts clean."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_SECONDS
    server: _LoopbackServer

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        try:
            super().finish()
        except OSError:  # the other side, or a fault rule, has closed the socket already
            self.rfile.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the simulators keep their own journal."""

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ConnectionDropped):
            self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            self.close_connection = True
            self.send_error(413, "Body too large or malformed")
            return
        status, headers, parts = self._run(self._environ(body))
        payload = b"".join(parts)
        self.send_response_only(*status)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in names and status[0] not in (204, 304):
            self.send_header("Content-Length", str(len(payload)))
        self.send_header("Date", self.date_time_string())
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)
        self.wfile.flush()

    def _run(self, environ: WSGIEnvironment) -> tuple[tuple[int, str], list[tuple[str, str]], Iterable[bytes]]:
        taken: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            code, _, reason = status.partition(" ")
            taken[:] = [(int(code), reason), headers]

        try:
            answer = self.server.app(environ, start_response)
            parts = list(answer)
            ClosingIterator(answer).close()
        except ConnectionDropped:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return (500, "INTERNAL SERVER ERROR"), [("Content-Type", "text/plain")], [b"The simulator failed."]
        return taken[0], taken[1], parts

    def _read_body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            return None
        return self.rfile.read(length) if 0 <= length <= BODY_LIMIT else None

    def _read_chunks(self) -> bytes | None:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                length = int(self.rfile.readline(64).split(b";")[0], 16)
            except ValueError:
                return None
            total += length
            if length < 0 or total > BODY_LIMIT:
                return None
            if length == 0:
                while self.rfile.readline(8192).strip():  # trailers
                    pass
                return b"".join(parts)
            parts.append(self.rfile.read(length))
            self.rfile.readline(8)

    def _environ(self, body: bytes) -> WSGIEnvironment:
        target = urlsplit(self.path if self.path.startswith("/") else "/" + self.path)
        environ: WSGIEnvironment = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "werkzeug.socket": self.connection,
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(target.path).decode("latin-1"),
            "QUERY_STRING": target.query,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in self.headers.items():
            if name.lower() != "transfer-encoding":  # the body is here whole, with its length
                environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
        return environ


class _LoopbackServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, app: WSGIApplication, port: int) -> None:
        self.app = app
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind would look the host's name up, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            traceback.print_exc(file=sys.stderr)

    def opened(self, connection: socket.socket) -> None:
        with self._guard:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._guard:
            self._connections.discard(connection)

    def cut_all(self) -> None:
        """End idle kept-alive connections, so that clients notice the stop as they would with a killed process."""
        with self._guard:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class Server:
    """Serves ``app`` from background threads: ``with Server(app) as url: ...``.

    ``port`` 0 takes a free one. Raises OSError when the port is busy.
    """

    def __init__(self, app: WSGIApplication, port: int = 0) -> None:
        self._app = app
        self._port = port
        self._server: _LoopbackServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listen and return the URL, without a final slash."""
        self._server = _LoopbackServer(self._app, self._port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox-server", daemon=True
        )
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop listening and cut what is still connected. Safe to call twice."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        server.server_close()
        server.cut_all()
        self._thread.join()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def drop_connection(environ: WSGIEnvironment) -> NoReturn:
    """Close the caller's socket without an answer. Always raises ConnectionDropped."""
    connection: socket.socket = environ["werkzeug.socket"]
    with suppress(OSError):  # the caller was faster
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
    raise ConnectionDropped
