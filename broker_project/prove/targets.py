"""``python -m broker_project.prove.targets``: Field Nation and several Help Desks in one process, until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from broker_project.sandbox.fieldnation import FieldNationSim
from broker_project.sandbox.helpdesk import HelpDesk
from broker_project.sandbox.serve import Server

FIRST_WAIT = 0.2
"""Seconds before a webhook's second attempt; Field Nation waits ten."""


def store_path(folder: Path, name: str) -> Path:
    """Where the simulator ``name`` keeps its records."""
    return folder / f"{name}.sqlite3"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--field-nation", type=int, help="port; without it there is no Field Nation")
    parser.add_argument("--desk", action="append", default=[], help="name:port of a Help Desk")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as running:
        if options.field_nation:
            field_nation = FieldNationSim(store_path(options.data_dir, "field_nation"), first_wait=FIRST_WAIT)
            running.callback(field_nation.close)
            running.enter_context(Server(field_nation.app, options.field_nation))
        for word in options.desk:
            name, _, port = word.partition(":")
            desk = HelpDesk(store_path(options.data_dir, name))
            running.callback(desk.close)
            running.enter_context(Server(desk.app, int(port)))
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
