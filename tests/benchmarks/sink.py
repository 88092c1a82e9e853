"""The target: the least HTTP server that takes updates, counts them and notes when each arrived.

``GET /count``: how many came. ``GET /arrivals?from=N``: a line ``serial time`` for each after the first N, by the
monotonic clock. ``GET /delay?seconds=S``: from now on answer updates after S seconds.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"id": "77"}'
SERIAL = re.compile(rb"serial (\d+)")  # in the title of each event, see workload


class Sink:
    """What all connections share."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.serials: list[int] = []
        self.times: list[float] = []

    def control(self, path: str) -> str:
        """Answer of a GET."""
        path, _, query = path.partition("?")
        value = query.partition("=")[2]
        if path == "/delay":
            self.delay = float(value)
        if path == "/arrivals":
            first = int(value)
            rows = zip(self.serials[first:], self.times[first:], strict=True)
            return "".join(f"{serial} {moment:.6f}\n" for serial, moment in rows)
        return str(len(self.times))


class Connection(asyncio.Protocol):
    """One connection to ``sink``. Requests need a Content-Length or no body."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._take(head, body)

    def _take(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get "):
            text = self._sink.control(head.split(b" ", 2)[1].decode()).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            return
        self._sink.times.append(time.monotonic())
        found = SERIAL.search(body)
        self._sink.serials.append(int(found[1]) if found else 0)
        if self._sink.delay:
            asyncio.get_running_loop().call_later(self._sink.delay, self._transport.write, ANSWER)
        else:
            self._transport.write(ANSWER)


async def main(port: int) -> None:
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sink), "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
