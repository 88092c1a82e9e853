"""Posts prepared bodies over a number of keep-alive connections, each waiting for its answer before the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence


async def _client(port: int, key: str, bodies: asyncio.Queue[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not bodies.empty():
        body = bodies.get_nowait()
        writer.write(
            b"POST /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 202 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"The broker refused an event: {head[:200]!r}")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
    writer.close()


async def _post_all(port: int, key: str, bodies: Sequence[bytes], connections: int) -> None:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    for body in bodies:
        queue.put_nowait(body)
    await asyncio.gather(*(_client(port, key, queue) for _ in range(connections)))


def post_all(*, port: int, key: str, bodies: Sequence[bytes], connections: int) -> float:
    """Post every body; return the seconds it took. Raises RuntimeError when one is refused."""
    began = time.perf_counter()
    asyncio.run(_post_all(port, key, bodies, connections))
    return time.perf_counter() - began
