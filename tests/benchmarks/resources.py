"""What processes cost: CPU seconds and memory, by the name of the part they belong to."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import psutil

MEBIBYTE = 1024 * 1024


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(parts: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds so far of each part, given the id of its first process; ended descendants are counted too."""
    return {name: sum(_seconds(process) for process in _tree(pid)) for name, pid in parts.items()}


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def rss_mb(parts: Mapping[str, int]) -> dict[str, float]:
    """Resident memory in MiB of the largest process of each part. PostgreSQL's include the buffers that they share."""
    largest: dict[str, float] = {}
    for name, pid in parts.items():
        sizes = [0.0]
        for process in _tree(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                sizes.append(process.memory_info().rss / MEBIBYTE)
        largest[name] = round(max(sizes), 1)
    return largest
