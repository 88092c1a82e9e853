"""``manage.py prove``: does the broker keep its promises while everything around it breaks?"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from broker_project.lib.errors import BrokerError
from broker_project.processes import Stopped
from broker_project.prove.plan import make_plan
from broker_project.prove.report import lines
from broker_project.prove.run import Result, Setup, run

EVENTS, QUICK_EVENTS = 4000, 1000


class Command(BaseCommand):
    help = (
        "Run the broker as real processes against simulated systems, break things at random (kill -9, restarts, "
        "storms, lost answers), and let an independent checker say whether the promises P1 to P6 held. Uses an "
        "installation of its own in a temporary folder. Exit code 1 when something was violated."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quick", action="store_true", help=f"About {QUICK_EVENTS} events in about 90 seconds.")
        parser.add_argument("--seed", type=int, help="Repeat the run with this seed. Default: random, and printed.")
        parser.add_argument("--seeds", type=int, default=1, help="So many runs, one after the other, seed by seed.")
        parser.add_argument("--events", type=int, help=f"Default {EVENTS}.")
        parser.add_argument("--celery-broker", default="", help="redis:// or amqp:// instead of message files.")
        parser.add_argument(
            "--database-url", default="", help="PostgreSQL server on which a database is made for the run."
        )
        parser.add_argument("--keep", action="store_true", help="Keep the folder of a run with violations.")

    def handle(self, *args: Any, **options: Any) -> None:
        events = options["events"] or (QUICK_EVENTS if options["quick"] else EVENTS)
        first = options["seed"] if options["seed"] is not None else secrets.randbelow(1_000_000)
        setup = Setup(options["database_url"], options["celery_broker"], keep=options["keep"])
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        violations, sent = 0, 0
        for seed in range(first, first + options["seeds"]):
            try:
                result = self._run(seed, events, setup, stop)
            except Stopped:
                raise CommandError("Stopped before the end; nothing is proved.", returncode=130) from None
            violations += result.violations
            sent += len(result.evidence.events)
            self._tell(result, events, setup)
        if options["seeds"] > 1:
            self.stdout.write(f"{options['seeds']} seeds, {sent} events, {violations} violations.")
        if violations:
            raise CommandError(f"{violations} violations.")

    def _run(self, seed: int, events: int, setup: Setup, stop: threading.Event) -> Result:
        began = time.monotonic()

        def say(sentence: str) -> None:
            self.stdout.write(f"{time.monotonic() - began:6.1f} s  {sentence}")
            self.stdout.flush()

        say(f"Seed {seed}.")
        try:
            return run(make_plan(seed, events=events), setup, say=say, stop=stop)
        except BrokerError as error:
            raise CommandError(f"{error.sentence}\n{error.detail}".strip()) from error

    def _tell(self, result: Result, events: int, setup: Setup) -> None:
        for line in lines(result):
            self.stdout.write(line)
        again = f"uv run manage.py prove --seed {result.plan.seed} --events {events}"
        for option, text in (("--celery-broker", setup.celery_broker), ("--database-url", setup.database_url)):
            again += f" {option} {_without_password(text)}" if text else ""
        self.stdout.write(f"\nTo repeat it: {again}")
        if result.violations and setup.keep:
            self.stdout.write(f"Kept: {result.folder}")


def _without_password(url: str) -> str:
    word = urlsplit(url).password
    return url.replace(f":{word}@", ":…@") if word else url
