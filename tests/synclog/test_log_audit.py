"""The audit: one list of who did what, with before and after, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client, RequestFactory
from django.urls import reverse

from broker_project.lib.pages.changes import HIDDEN, Audited, before_and_after
from connectors.forms import CompanyForm
from connectors.models import Company, Connector
from events.models import Delivery
from events.states import State
from synclog.audit_models import AuditEntry
from synclog.log_audit import changes, record
from synclog.models import SyncLog
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

LIST = "admin:synclog_auditentry_changelist"


@pytest.fixture
def operator(db: Any) -> User:
    return User.objects.create_superuser(username="olga", email="", password=None)


@pytest.fixture
def browser(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def shown(browser: Client, **query: Any) -> list[str]:
    rows = browser.get(reverse(LIST), query).context["cl"].result_list
    return [entry.get_change_message() or entry.get_action_flag_display() for entry in rows]


def entry(user: User, message: str, obj: Any, flag: int = CHANGE) -> LogEntry:
    return AuditEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(obj),
        object_id=str(obj.pk),
        object_repr=str(obj),
        action_flag=flag,
        change_message=message,
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Renewed the key.", "Exported the configuration.", "Discarded.", "Retried.", "Added."]),
        ({"kind": "retried"}, ["Retried."]),
        ({"kind": "discarded"}, ["Discarded."]),
        ({"kind": "exported"}, ["Exported the configuration."]),
        ({"kind": "revealed"}, ["Renewed the key."]),
        ({"kind": "added"}, ["Added."]),
        ({"kind": "rights"}, ["Added."]),
        ({"user__id__exact": "{sam}"}, ["Exported the configuration."]),
        ({"object_id": "{delivery}"}, ["Discarded.", "Retried."]),
        ({"action_time_from_0": "2999-01-01", "action_time_from_1": "00:00"}, []),
    ],
)
def test_acts_are_listed_newest_first_and_filtered(
    browser: Client, operator: User, to: Connector, query: dict[str, str], expected: list[str]
) -> None:
    sam = User.objects.create_user("sam")
    delivery = world.delivery(to, State.DEAD)
    entry(operator, '[{"added": {}}]', sam, ADDITION)
    entry(operator, "Retried.", delivery)
    entry(operator, "Discarded.", delivery)
    entry(sam, "Exported the configuration.", to)
    entry(operator, "Renewed the key.", to)
    words = {"sam": sam.pk, "delivery": delivery.pk}

    assert shown(browser, **{name: value.format(**words) for name, value in query.items()}) == expected


def test_a_saved_form_tells_before_and_after(browser: Client) -> None:
    browser.post(reverse("admin:synclog_retention_change", args=["logs"]), {"keep_days": "30"})
    [done] = AuditEntry.objects.all()

    assert changes(done) == {"keep_days": ("90", "30")}
    assert done.get_change_message() == "Changed Kept for days."
    text = browser.get(reverse("admin:synclog_auditentry_change", args=[done.pk])).content.decode()
    assert ">90<" in text
    assert ">30<" in text


def test_a_secret_is_only_said_to_be_changed(to: Connector) -> None:
    company = to.company
    form = CompanyForm(
        {"name": "Renamed Co", "client_secret_0": "brand-new-secret-9", "password_0": "another-secret-8"},
        instance=Company.objects.get(pk=company.pk),
    )
    assert form.is_valid(), form.errors
    found = before_and_after(form)

    assert found == {"name": ("Example Co", "Renamed Co"), "client_secret": HIDDEN, "password": HIDDEN}
    assert [secret for secret in (*world.SECRETS, "brand-new-secret-9") if secret in str(found)] == []


def test_the_history_takes_the_values_of_a_form(to: Connector) -> None:
    class Base:
        def construct_change_message(self, request: Any, form: Any, formsets: Any, add: bool = False) -> list[Any]:
            return [{"changed": {"fields": ["Name"]}}, {"changed": {"name": "row", "object": "1", "fields": ["x"]}}]

    class Page(Audited, Base):
        pass

    form = CompanyForm({"name": "Renamed Co"}, instance=Company.objects.get(pk=to.company_id))
    assert form.is_valid()
    first, second = Page().construct_change_message(RequestFactory().get("/"), form, [])

    assert first["changed"]["values"] == {"name": ("Example Co", "Renamed Co")}
    assert "values" not in second["changed"]  # of another object, whose values this form does not know


def test_an_act_on_a_delivery_tells_what_it_was_before(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.DEAD, reason="validation", sentence="Given up: subject is needed.")
    act = reverse("admin:events_delivery_act", args=[delivery.pk, "discard"])
    browser.post(act, {"reason": "Not wanted any more"})
    [done] = AuditEntry.objects.all()

    text = browser.get(reverse("admin:synclog_auditentry_change", args=[done.pk])).content.decode()

    assert done.get_change_message() == "Discarded."
    assert "Given up: subject is needed." in text
    assert "olga discarded this delivery (Not wanted any more)." in text
    assert reverse("admin:synclog_synclog_change", args=[SyncLog.objects.get().pk]) in text


def test_an_entry_leads_to_its_object_unless_that_is_gone(browser: Client, operator: User, to: Connector) -> None:
    kept, gone = entry(operator, "Renewed.", to), entry(operator, "", to, DELETION)
    address = f'href="{reverse("admin:connectors_connector_change", args=[to.pk])}"'
    pages = [browser.get(reverse("admin:synclog_auditentry_change", args=[each.pk])) for each in (kept, gone)]
    assert [address in page.content.decode() for page in pages] == [True, False]


def test_record_writes_about_an_object_or_about_all(operator: User, to: Connector) -> None:
    request: Any = RequestFactory().get("/")
    request.user = operator
    record(request, "Revealed the trigger token.", model=Connector, obj=to)
    record(request, "Exported the deliveries.", model=Delivery)

    assert [(row.object_id, row.object_repr, row.change_message) for row in LogEntry.objects.order_by("id")] == [
        (str(to.pk), "Help Desk", "Revealed the trigger token."),
        (None, "deliveries", "Exported the deliveries."),
    ]


def test_the_audit_is_read_only_and_a_right_of_its_own(browser: Client, operator: User, to: Connector) -> None:
    done = entry(operator, "Retried.", to)
    page = reverse("admin:synclog_auditentry_change", args=[done.pk])
    assert staff("synclog.view_synclog").get(reverse(LIST)).status_code == 403
    assert staff("synclog.view_auditentry").get(page).status_code == 200
    assert browser.post(page, {"change_message": "x"}).status_code == 403
    assert browser.get(reverse("admin:synclog_auditentry_add")).status_code == 403
    delete = reverse("admin:synclog_auditentry_delete", args=[done.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 403
    done.refresh_from_db()
    assert done.change_message == "Retried."
