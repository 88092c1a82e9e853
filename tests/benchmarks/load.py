"""The load: prepared requests over keep-alive connections, each waiting for its answer before the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence


def request(body: bytes, *, key: str) -> bytes:
    """A whole ``POST /events/`` for ``body``, ready to be written to a connection."""
    return (
        b"POST /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body)
    )


class _Client(asyncio.Protocol):
    """One connection. ``post`` must be awaited before it is called again."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._buffer = b""

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(RuntimeError("The broker closed the connection before it answered."))

    def post(self, request: bytes) -> asyncio.Future[float]:
        """The monotonic time at which the 202 came. Raises RuntimeError for any other answer."""
        self._answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        answer, self._buffer = self._buffer, b""
        if b" 202" in head[:15]:
            self._answer.set_result(time.monotonic())
        else:
            self._answer.set_exception(RuntimeError(f"The broker refused an event: {answer[:300]!r}"))

    def close(self) -> None:
        self._transport.close()


async def _clients(port: int, count: int) -> list[_Client]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(_Client, "127.0.0.1", port))[1] for _ in range(count)]


async def _post_each(client: _Client, requests: Iterator[bytes]) -> None:
    for request in requests:
        await client.post(request)
    client.close()


async def _post_all(port: int, requests: Iterable[bytes], connections: int) -> float:
    clients, shared = await _clients(port, connections), iter(requests)
    began = time.monotonic()
    await asyncio.gather(*(_post_each(client, shared) for client in clients))
    return time.monotonic() - began


def post_all(*, port: int, requests: Iterable[bytes], connections: int) -> float:
    """Post every request as fast as the answers come; return the seconds it took."""
    return asyncio.run(_post_all(port, requests, connections))


async def _post_paced(port: int, requests: Sequence[bytes], per_second: float, connections: int) -> list[float]:
    clients = await _clients(port, connections)
    began = time.monotonic()
    taken = [0.0] * len(requests)

    async def each(client: _Client, first: int) -> None:
        for place in range(first, len(requests), connections):
            await asyncio.sleep(began + place / per_second - time.monotonic())
            taken[place] = await client.post(requests[place])
        client.close()

    await asyncio.gather(*(each(client, first) for first, client in enumerate(clients)))
    return taken


def post_paced(*, port: int, requests: Sequence[bytes], per_second: float, connections: int) -> list[float]:
    """Post the requests evenly in time; return the monotonic time of each one's 202, in their order."""
    return asyncio.run(_post_paced(port, requests, per_second, connections))
