"""The list of workers in the admin: read only, with what is missing marked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from broker_project.lib.version import version
from synclog import worker_admin
from synclog.worker_models import Worker

ADDRESS = "/admin/synclog/worker/"


@pytest.mark.django_db
def test_the_list_marks_who_is_missing_and_nobody_changes_it(admin_client: Client) -> None:
    now = timezone.now()
    for name, ago in (("alive one", 5), ("gone one", 90)):
        Worker.objects.create(
            name=name, kind="worker", host="one.example.test", pid=7, version=version(),
            started_at=now - timedelta(hours=1), seen_at=now - timedelta(seconds=ago),
        )  # fmt: skip
    page = admin_client.get(ADDRESS)
    assert page.status_code == 200
    text = page.content.decode()
    assert text.index("alive one") < text.index("Alive") < text.index("gone one") < text.index("Missing")
    assert admin_client.get(f"{ADDRESS}add/").status_code == 403
    assert admin_client.post(f"{ADDRESS}gone one/delete/", {"post": "yes"}).status_code == 403
    assert Worker.objects.count() == 2
    assert worker_admin.WorkerAdmin.list_display[0] == "name"
