"""``manage.py drain``: let the workers finish what they began, for a deploy."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import localtime

from events import draining
from events.draining import UnderWay

END = "manage.py drain --end"


class Command(BaseCommand):
    help = (
        "Let the workers finish what they began and claim nothing more; wait until they are done. Events are accepted "
        f"meanwhile. End it with: {END}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=60.0, help="Wait at most so long (default 60).")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--end", action="store_true", help="End the drain: the workers go on.")
        what.add_argument("--status", action="store_true", help="Say whether a drain is on and what is under way.")

    def handle(self, *args: Any, seconds: float, end: bool, status: bool, **options: Any) -> None:
        if end:
            self.stdout.write(
                "The workers go on." if draining.end() else "No drain is on; the workers go on as before."
            )
        elif status:
            self._status()
        else:
            self._drain(seconds)

    def _status(self) -> None:
        since = draining.since()
        if since is None:
            self.stdout.write("No drain is on.")
        else:
            moment = localtime(since).isoformat(sep=" ", timespec="seconds")
            self.stdout.write(f"A drain is on since {moment}. End it with: {END}")
        self.stdout.write(_said(draining.under_way()))

    def _drain(self, seconds: float) -> None:
        if not draining.begin():
            self.stdout.write("A drain is on already.")
        left = draining.wait(seconds, say=self._progress)
        if left.count:
            raise CommandError(
                f"Time is up. {_said(left)} They finish by themselves, and nothing new is begun. Wait longer with "
                f"--seconds, or let the workers go on with: {END}. Still at work: {', '.join(left.named)}."
            )
        if not left.is_certain:
            raise CommandError(
                "Time is up. A long transaction on the table of lanes hides whether something is still under way. Run "
                "the command again."
            )
        self.stdout.write(f"Nothing is under way. The workers begin nothing until you run: {END}")

    def _progress(self, now: UnderWay, left: float) -> None:
        self.stdout.write(f"{_said(now)} Waiting for at most {left:.0f} s.")
        self.stdout.flush()


def _said(now: UnderWay) -> str:
    if not now.count:
        return "Nothing is under way."
    where = ", ".join(f"{name}: {count}" for name, count in now.systems)
    return f"Records under way: {now.count} ({where})."
