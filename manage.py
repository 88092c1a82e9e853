#!/usr/bin/env python3
"""Command line of the Integration Broker: ``manage.py demo``, ``manage.py up`` and every Django command."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said here, before any import can fail on newer syntax
    sys.exit(
        "The Integration Broker needs Python 3.11 or newer; this is Python {}.{}. "
        "Install a newer Python, or let uv bring one: uv run --python 3.11 manage.py demo".format(*sys.version_info)
    )


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker_project.settings")
    from django.core.management import execute_from_command_line

    from broker_project.start import prepare

    prepare(sys.argv)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
