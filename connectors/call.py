"""The limits of one call, and how far it got."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic


@dataclass(slots=True)
class Call:
    """Seconds; ``deadline`` on the monotonic clock. ``sent`` tells whether anything of the request may have left."""

    allow_private: bool
    connect_timeout: float
    read_timeout: float
    deadline: float
    writes: bool
    sent: bool = False

    def wait(self, limit: float) -> float:
        """Seconds that the next step may take, ``limit`` at most. Raises TimeoutError when none are left."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, limit)
