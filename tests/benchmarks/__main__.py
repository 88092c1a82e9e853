"""``python -m tests.benchmarks``: how fast this machine accepts and delivers events. ``--json`` gives one object.

Everything is real: web, two worker processes and beat as ``manage.py up`` starts them, the embedded PostgreSQL with its
default durability, ten mappings an event, one HTTP call a delivery. The load generator and the target run on the same
machine and take their share of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.installation import Installation
from tests.benchmarks.measure import DRAIN, measure

TEXTS = {
    "accept_single_per_s": "accepted a second, single posts, 50 clients (delivery held)",
    "accept_lists_per_s": "accepted a second, lists of 100 (delivery held)",
    "accept_cpu_s_per_1000": "CPU seconds per 1,000 accepted, single posts",
    "accept_lists_cpu_s_per_1000": "CPU seconds per 1,000 accepted, lists of 100",
    "end_to_end_single_per_s": "delivered end to end a second, single posts",
    "end_to_end_lists_per_s": "delivered end to end a second, lists of 100",
    "end_to_end_50ms_per_s": "delivered end to end a second, lists of 100, target answers after 50 ms",
    "cpu_s_per_1000": "CPU seconds per 1,000 events end to end, single posts, all processes of the broker",
    "cpu_s_per_1000_by_process": "the same by process",
    "load_cpu_s_per_1000": "the same of the load generator and the target, which are not the broker's",
    "lists_cpu_s_per_1000": "CPU seconds per 1,000 events end to end, lists of 100",
    "latency_ms": "milliseconds from the 202 to the call, 100 events a second",
    "drain_per_s": "delivered a second from a held backlog",
    "drain_seconds": "seconds for that backlog",
    "drain_last_tenth_ratio": "speed of its last tenth to that of the first",
    "drain_last_tenth_pages_ratio": "database pages looked at for a delivery of its last tenth to one of the first",
    "drain_cpu_s_per_1000": "CPU seconds per 1,000 of it",
    "rss_mb": "MiB of the largest process of each part",
}


def _rounded(value: Any) -> Any:
    return round(value, 1 if value >= 100 else 3) if isinstance(value, float) else value


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part:g}" for name, part in value.items())
    return f"{value:,.1f}" if value >= 100 else f"{value:g}"


def _table(figures: dict[str, Any]) -> str:
    rows = [(TEXTS.get(name, name), _shown(value)) for name, value in figures.items()]
    width = max(len(text) for text, _ in rows)
    return "".join(f"{text:<{width}}  {value}\n" for text, value in rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the usual number of events (default 1)")
    parser.add_argument(
        "--drain",
        type=int,
        metavar="N",
        help=f"drain N waiting deliveries, 0 for none (default {DRAIN:,} times the scale)",
    )
    parser.add_argument("--engine", action="store_true", help="also the mapping engine and the script sandbox alone")
    return parser.parse_args()


def main() -> None:
    options = _options()
    drain = int(DRAIN * options.scale) if options.drain is None else options.drain
    folder = Path(tempfile.mkdtemp(prefix="broker-bench-"))
    try:
        with Installation(folder) as broker:
            figures = {
                name: _rounded(value) for name, value in measure(broker, scale=options.scale, drain=drain).items()
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.engine:
        from tests.benchmarks import jsonnet, mapping

        figures |= {**mapping.measure(), **jsonnet.measure()}
    sys.stdout.write(json.dumps(figures) + "\n" if options.json else _table(figures))


if __name__ == "__main__":
    main()
