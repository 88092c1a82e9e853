"""``manage.py up``: web, worker and beat on this machine, for everyday use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from broker_project.admin_login import ensure_admin
from broker_project.lib.errors import Misconfigured
from broker_project.processes import Stopped, Supervisor, broker_processes, free_port
from broker_project.schema import migrate
from events import draining


class Command(BaseCommand):
    help = "Start the broker on this machine: web, worker and beat. Ctrl-C stops them all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Port of the web server (default 8000).")
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default 127.0.0.1).")
        parser.add_argument("--data-dir", help="Folder of the embedded database, keys and logs (default data).")

    def handle(self, *args: Any, port: int, host: str, **options: Any) -> None:
        say = self.stdout.write
        try:
            free_port(port, option="--port")
            migrate(say)
            if login := ensure_admin():
                say(f"Admin login: {login.username} / {login.password} (shown this once; change it in the admin)")
            with Supervisor(logs=settings.DATA_DIR / "logs", say=say) as supervisor:
                for process in broker_processes(port, host=host):
                    supervisor.start(process)
                supervisor.wait_for(f"http://127.0.0.1:{port}/admin/login/", process="web")
                say(f"The broker runs: http://127.0.0.1:{port}/admin/   Logs: {settings.DATA_DIR / 'logs'}")
                if draining.since():
                    say("A drain is on, so nothing is delivered. End it with: manage.py drain --end")
                say("Ctrl-C stops it.")
                supervisor.watch()
        except Stopped:
            say("Stopped.")
        except Misconfigured as error:
            raise CommandError(f"{error.sentence}\n{error.detail}".strip()) from error
