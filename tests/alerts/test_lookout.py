"""Who looks when workers live, and when none does; and what Field Nation says about webhooks."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from broker_project.lib.errors import Unavailable
from connectors.fieldnation.webhook_logs import Hook
from connectors.models import Connector
from events import tasks
from events.alerts import webhook_checks
from events.alerts.lookout import Lookout
from synclog.alert_models import Alert, WebhookCheck
from synclog.worker_models import Worker
from tests.flows.conftest import World, world  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def test_beat_looks_itself_only_when_no_worker_lives() -> None:
    now = timezone.now()
    row = Worker.objects.create(
        name="worker a:1", kind="worker", host="a", pid=1, version="1", started_at=now, seen_at=now
    )
    lookout = Lookout()
    assert not lookout.turn(now=now + MINUTE)
    assert lookout.turn(now=now + 3 * MINUTE)
    row.refresh_from_db()
    Worker.objects.update(seen_at=now + 3 * MINUTE)
    assert not lookout.turn(now=now + 4 * MINUTE)


def test_workers_that_were_stopped_in_order_and_never_came_back_are_told_by_beat() -> None:
    lookout = Lookout()
    now = timezone.now()
    assert not lookout.turn(now=now + MINUTE)
    assert lookout.turn(now=now + 3 * MINUTE)
    assert Alert.objects.get().sentence == "No worker is alive, so nothing is sent; events are kept."


def test_the_task_looks_and_asks_field_nation_once_an_hour(world: World) -> None:  # noqa: F811
    tasks.watch()
    check = WebhookCheck.objects.get()
    assert check.company == world.connector.company
    assert check.is_active is None  # the sandbox has no webhook yet, which is no fault
    first = check.checked_at
    tasks.watch()
    check.refresh_from_db()
    assert check.checked_at == first
    assert not Alert.objects.exists()


def test_beat_asks_for_a_look_that_workers_know(settings: Any) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["watch"]
    assert entry["task"] == tasks.watch.name
    assert entry["options"]["expires"] <= entry["schedule"]  # looks never pile up


def test_the_lookout_goes_on_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []
    again = threading.Event()

    def turn(self: Lookout) -> bool:
        turns.append(1)
        if len(turns) == 1:
            raise OperationalError("the database is away")
        again.set()
        return False

    monkeypatch.setattr(Lookout, "turn", turn)
    lookout = Lookout(seconds=0.01)
    lookout.start()
    assert again.wait(30)
    lookout.stop()


def hook(status: str, id: str = "7") -> Hook:
    return Hook(webhook_id=id, url="https://broker.example.test/x", status=status)


@pytest.mark.parametrize(
    ("hooks", "known", "is_active", "sentence"),
    [
        ([], [], None, "Field Nation has no webhook that leads here."),
        ([hook("active")], [], True, "A webhook that leads here is active."),
        ([hook("active"), hook("archived", "8")], [], True, "A webhook that leads here is active. Not active: 8."),
        ([hook("archived")], [], False, "webhook 7 is archived."),
        ([], [{"id": "7", "status": "active"}], False, "webhook 7 is not there any more."),
    ],
)
def test_what_the_webhooks_mean(hooks: list[Hook], known: list, is_active: bool | None, sentence: str) -> None:
    told = webhook_checks.told(hooks, known=known)
    assert (told["is_active"], told["sentence"]) == (is_active, sentence)


def test_when_field_nation_does_not_answer_what_was_known_stays(
    desk: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(company: object) -> None:
        raise Unavailable("Field Nation answered 503.")

    WebhookCheck.objects.create(
        company=desk.company, checked_at=timezone.now() - timedelta(hours=2), is_active=False, sentence="-",
        webhooks=[{"id": "7", "status": "archived"}],
    )  # fmt: skip
    monkeypatch.setattr(webhook_checks, "_hooks", no_answer)
    assert webhook_checks.check_due() == 1
    check = WebhookCheck.objects.get()
    assert (check.is_active, check.webhooks) == (False, [{"id": "7", "status": "archived"}])
    assert check.sentence == "Field Nation could not be asked for the webhooks: Field Nation answered 503."
