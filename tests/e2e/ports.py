"""Three ports in a row that are free, for a demo; ``python -m tests.e2e.ports`` prints the first."""

from __future__ import annotations

import random
import socket

PER_DEMO = 3
BELOW_OUTGOING = range(20_000, 32_000, PER_DEMO)
"""Linux and macOS take the ports of outgoing connections from above."""


def free_port() -> int:
    """The first of three neighbouring free ports of this machine."""
    while True:
        first = random.choice(BELOW_OUTGOING)  # noqa: S311 - only to keep out of each other's way
        if all(_is_free(first + step) for step in range(PER_DEMO)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


if __name__ == "__main__":
    print(free_port())  # noqa: T201 - what the command is for
