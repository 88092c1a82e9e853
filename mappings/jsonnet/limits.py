"""What one script may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one script run. Sizes are bytes of UTF-8.

    ``memory_bytes`` is what a script may add to its process; it holds on Linux, where the kernel counts it, and in
    steps of 64 MiB, in which the evaluator asks for memory. ``output_bytes`` counts the indented JSON text that the
    evaluator prints. ``children`` is the number of processes, so the number of scripts that run at one time.
    """

    wall_seconds: float = 2.0
    cpu_seconds: int = 4
    memory_bytes: int = 256 * 1024 * 1024
    script_bytes: int = 64 * 1024
    input_bytes: int = 4 * 1024 * 1024
    output_bytes: int = 1024 * 1024
    trace_lines: int = 100
    trace_bytes: int = 16 * 1024
    stack_frames: int = 500
    start_seconds: float = 20.0
    children: int = 2
