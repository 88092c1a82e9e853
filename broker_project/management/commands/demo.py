"""``manage.py demo``: the broker with a simulated Field Nation and Help Desk, and one event sent each way."""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from broker_project import demo
from broker_project.admin_login import USERNAME, ensure_admin
from broker_project.demo_run import Addresses, Result, connect_sandbox, send_one_each_way
from broker_project.lib.errors import BrokerError
from broker_project.processes import Stopped, Supervisor, broker_processes, free_port, sandbox_process
from broker_project.sandbox import helpdesk
from broker_project.schema import migrate
from broker_project.start import kept


class Command(BaseCommand):
    help = (
        "Start the broker together with a simulated Field Nation and Help Desk, set up a sample connector, and send "
        "one event each way. Needs nothing else installed. Ctrl-C stops everything; the next run continues."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8000, help="Port of the broker; the simulators take the next two. Default 8000."
        )
        parser.add_argument("--data-dir", help="Folder for the demo's data. Default data/demo.")
        parser.add_argument("--fresh", action="store_true", help="Begin anew: remove the data of earlier demos.")
        parser.add_argument(
            "--once", action="store_true", help="Send one event each way, print the results, stop. Exit code 0 or 1."
        )

    def handle(self, *args: Any, port: int, once: bool, **options: Any) -> None:
        addresses = Addresses.around(port)
        os.environ["BROKER_PUBLIC_URL"] = settings.PUBLIC_URL = addresses.broker
        try:
            for number in (port, port + 1, port + 2):
                free_port(number, option="--port")
            results = self._run(addresses, port, once=once)
        except Stopped:
            self.stdout.write("Stopped.")
            return
        except BrokerError as error:
            raise CommandError(f"{error.sentence}\n{error.detail}".strip()) from error
        if once and not all(result.ok for result in results):
            raise CommandError("Not everything arrived; the table says what happened.")

    def _run(self, addresses: Addresses, port: int, *, once: bool) -> list[Result]:
        say = self.stdout.write
        migrate(say)
        password = kept(settings.DATA_DIR / "admin_password", lambda: secrets.token_urlsafe(12))
        ensure_admin(password)
        with Supervisor(logs=settings.DATA_DIR / "logs", say=say) as supervisor:
            say("Starting the sandbox, web, worker and beat …")
            supervisor.start(sandbox_process(port + 1, port + 2, data=settings.DATA_DIR / "sandbox"))
            # What an earlier demo left undone is done at once, so there must be somebody to answer.
            supervisor.wait_for(f"{addresses.field_nation}/", process="sandbox")
            for process in broker_processes(port):
                supervisor.start(process)
            supervisor.wait_for(f"{addresses.broker}/admin/login/", process="web")
            sample = demo.set_up(field_nation_url=addresses.field_nation, help_desk_url=addresses.help_desk)
            connect_sandbox(sample, addresses)
            results = send_one_each_way(sample, addresses, check=supervisor.check)
            self._table(results)
            if once:
                return results
            self._pages(addresses, password)
            supervisor.watch()
        return results

    def _table(self, results: list[Result]) -> None:
        width = max(len(result.what) for result in results)
        for result in results:
            mark = self.style.SUCCESS("ok    ") if result.ok else self.style.ERROR("failed")
            self.stdout.write(f"  {mark} {result.what:<{width}}  {result.seconds:4.1f} s  {result.sentence}")

    def _pages(self, addresses: Addresses, password: str) -> None:
        for line in (
            "",
            f"Admin          {addresses.broker}/admin/   login {USERNAME} / {password}",
            f"  The logs     {addresses.broker}/admin/synclog/synclog/",
            f"Field Nation   {addresses.field_nation}/   (simulated: let a provider check in, finish …)",
            f"Help Desk      {addresses.help_desk}/   (simulated: change a ticket, send it to Field Nation)",
            f"  To connect it yourself: add a connector; base URL {addresses.help_desk},",
            f"  authentication “API key in a header”, API key {helpdesk.API_KEY}, fields path /openapi.json",
            f"Output of the processes: {settings.DATA_DIR / 'logs'}",
            "Ctrl-C stops everything.",
        ):
            self.stdout.write(line)
