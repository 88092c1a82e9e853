"""``python -m tests.benchmarks.pages``: how long each page of a connector takes, with 50 connectors and 1,000 mappings.

One after the other in one process with the embedded PostgreSQL, without a web server and a browser, which add a few
milliseconds.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

CONNECTORS = 50
MAPPINGS = 20
"""A connector's; the first one has twenty times as many."""
ROUNDS = 30
PAGES = ("change", "events", "mappings", "trigger", "logs", "versions")


def fill() -> None:
    """Companies, connectors with triggers and mappings, and somebody who may see everything."""
    from django.contrib.auth.models import User

    from connectors.models import Company, Connector
    from events import catalogue
    from events.models import EventTrigger
    from mappings.models import FieldMapping

    company = Company.objects.create(name="Bench", environment="custom", custom_api_base="http://127.0.0.1:9")
    settings = {"base_url": "https://help.example.test", "record_path": "/tickets/{id}", "auth": "none"}
    connectors = [
        Connector.objects.create(company=company, name=f"Help Desk {number}", platform="rest", settings=settings)
        for number in range(CONNECTORS)
    ]
    EventTrigger.objects.bulk_create(
        EventTrigger(connector=connector, event_type=event.constant)
        for connector in connectors for event in catalogue.EVENTS[:12]
    )  # fmt: skip
    FieldMapping.objects.bulk_create(
        FieldMapping(connector=connector, direction="outbound", position=position, action="sync",
                     source=f"custom_fields.field_{position}", target=f"field_{position}")
        for connector in connectors for position in range(MAPPINGS * 20 if connector is connectors[0] else MAPPINGS)
    )  # fmt: skip
    User.objects.create_superuser("bench", password=None)


def measure() -> dict[str, tuple[float, float]]:
    """Median and 95th percentile in milliseconds by page; the first connector's mappings have a line of their own."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import NoReverseMatch, reverse

    from connectors.models import Connector

    client = Client()
    client.force_login(User.objects.get())
    large, usual = Connector.objects.order_by("pk")[:2]
    addresses = {"overview": reverse("admin:index"), "list": reverse("admin:connectors_connector_changelist")}
    for page in PAGES:
        try:
            addresses[page] = reverse(f"admin:connectors_connector_{page}", args=[usual.pk])
        except NoReverseMatch:
            raise SystemExit(f"There is no page {page!r} any more; mend the list of this benchmark.") from None
    addresses["mappings, 400 rows"] = reverse("admin:connectors_connector_mappings", args=[large.pk])
    return {name: _timed(client, address) for name, address in addresses.items()}


def _timed(client: Any, address: str) -> tuple[float, float]:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(address)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (address, answer.status_code)
    cuts = quantiles(times[2:], n=20)
    return cuts[9], cuts[18]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="broker-pages-"))
    from broker_project.lib import embedded_postgres
    from broker_project.start import provide_keys

    os.environ |= {"BROKER_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "broker_project.settings",
                   "ALLOWED_HOSTS": "testserver", "LOG_LEVEL": "WARNING"}  # fmt: skip
    provide_keys(folder)
    (folder / "static").mkdir()
    postgres = embedded_postgres.start(folder / "postgres")
    os.environ["DATABASE_URL"] = postgres.url
    try:
        import django

        django.setup()
        from django.db import connection

        from broker_project.lib import collector
        from broker_project.schema import migrate

        migrate(lambda _: None)
        fill()
        collector.spare()
        for name, (median, slow) in measure().items():
            sys.stdout.write(f"{name:<20} {median:7.0f} ms   95 %: {slow:7.0f} ms\n")
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
