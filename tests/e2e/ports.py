"""Three ports in a row that are free, for a demo; ``python -m tests.e2e.ports`` prints the first."""

from __future__ import annotations

import random
import socket

PER_DEMO = 3


def free_port() -> int:
    """The first of three neighbouring free ports of this machine."""
    while True:
        first = random.randrange(20_000, 60_000, PER_DEMO)  # noqa: S311 - only to keep out of each other's way
        if all(_is_free(first + step) for step in range(PER_DEMO)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


if __name__ == "__main__":
    print(free_port())  # noqa: T201 - what the command is for
