"""``python -m broker_project.sandbox``: both simulators until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from .fieldnation import FieldNationSim
from .helpdesk import HelpDesk
from .serve import Server
from .simulator import Simulator


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes; answers the exit code, 1 when a port is busy or the data cannot be kept."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as running:
        try:
            options.data_dir.mkdir(parents=True, exist_ok=True)
            field_nation = FieldNationSim(options.data_dir / "fieldnation.sqlite3", first_wait=options.first_wait)
            running.callback(field_nation.close)
            help_desk = HelpDesk(options.data_dir / "helpdesk.sqlite3")
            running.callback(help_desk.close)
        except OSError as error:
            return _complain(f"The sandbox cannot keep its data in {options.data_dir}: {error.strerror}.")
        started: list[tuple[str, Simulator, int]] = [
            ("Field Nation", field_nation, options.fieldnation_port),
            ("Help Desk", help_desk, options.helpdesk_port),
        ]
        for name, simulator, port in started:
            try:
                url = running.enter_context(Server(simulator.app, port))
            except OSError as error:
                return _complain(f"{name} cannot listen on port {port}: {error.strerror}. Choose another port.")
            sys.stdout.write(f"{name} (sandbox) listens on {url}\n")
            sys.stdout.flush()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m broker_project.sandbox", description=__doc__)
    parser.add_argument("--fieldnation-port", type=int, default=8801, help="0 takes a free one")
    parser.add_argument("--helpdesk-port", type=int, default=8802, help="0 takes a free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="where both keep their data")
    parser.add_argument("--first-wait", type=float, default=0.5, help="seconds before a webhook's second attempt")
    return parser


def _complain(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
