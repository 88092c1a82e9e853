"""The Event Triggers page: what it shows, what its acts take and refuse."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector, DiscoveredFields
from events import catalogue, versions
from events.models import ConfigVersion, EventTrigger
from events.pages import trigger_traffic
from events.pages.trigger_state import FIELDS
from mappings.models import FieldMapping
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

SEE = "events.view_eventtrigger"
CHANGE = "events.change_eventtrigger"
SCRIPT = "{ subject: $.input.workorder.title }"


@pytest.fixture
def to(db: Any) -> Connector:
    made = world.connector(world.company())
    versions.publish(made.pk)
    made.refresh_from_db()
    return made


@pytest.fixture
def olga(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def page(of: Connector) -> str:
    return reverse("admin:connectors_connector_events", args=[of.pk])


def post(client: Client, to: Connector, act: str, data: Any) -> Any:
    return client.post(f"{page(to)}{act}/", json.dumps(data), content_type="application/json")


def entry(event_type: str = "FN_WO_DONE", **more: Any) -> dict[str, Any]:
    """A new action as the page posts it."""
    return {
        "key": "n1", "id": None, "event_type": event_type, "action": "update", "target_object": "", "script": "",
        "filters": {}, "delivery_mode": "each", "on_failure": "continue", "is_enabled": True, **more,
    }  # fmt: skip


def state(client: Client, of: Connector) -> dict[str, Any]:
    answer = client.get(page(of))
    assert answer.status_code == 200
    return dict(answer.context["state"])


def save(client: Client, to: Connector, *triggers: dict[str, Any], version: int = 1, **more: Any) -> Any:
    return post(client, to, "save", {"version": version, "triggers": list(triggers), **more})


def problems(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422
    return [(problem["at"], problem["sentence"]) for problem in answer.json()["problems"]]


def rows(of: Connector) -> list[tuple[Any, ...]]:
    found = EventTrigger.objects.filter(connector=of).order_by("event_type", "position")
    return list(found.values_list("event_type", "action", "position", "is_enabled"))


# What is shown


def test_every_event_stands_in_its_section_with_what_it_means(olga: Client, to: Connector) -> None:
    text = olga.get(page(to)).content.decode()

    for section, events in catalogue.SECTIONS.items():
        assert section.replace("&", "&amp;") in text
        for event in events:
            assert f'id="tick-{event.constant}"' in text
            assert f"Fires {event.fires}." in text
    assert text.count(">high frequency<") == 4
    assert text.count(">no webhook<") == 9
    assert text.count(">webhook not exact<") == 2


def test_the_state_holds_the_triggers_in_order_and_no_secret(olga: Client, to: Connector) -> None:
    second = EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE", position=2, on_failure="stop")
    first = EventTrigger.objects.create(
        connector=to, event_type="FN_WO_DONE", position=1, action="script", script=SCRIPT, is_enabled=False
    )
    EventTrigger.objects.create(connector=world.connector(to.company, "Other"), event_type="FN_WO_DRAFT")

    shown = state(olga, to)

    assert [trigger["id"] for trigger in shown["triggers"]] == [first.pk, second.pk]
    assert shown["triggers"][0] == {
        "key": f"t{first.pk}", "id": first.pk, "event_type": "FN_WO_DONE", "action": "script", "target_object": "",
        "script": SCRIPT, "filters": {}, "delivery_mode": "each", "on_failure": "continue", "is_enabled": False,
    }  # fmt: skip
    assert [preset["name"] for preset in shown["presets"]] == ["Minimal", "Standard", "Comprehensive"]
    assert [secret for secret in world.SECRETS if secret in json.dumps(shown)] == []


def test_what_was_changed_elsewhere_has_a_version_before_it_is_shown(olga: Client, to: Connector) -> None:
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE")

    assert state(olga, to)["version"] == 2
    assert save(olga, to, version=2).status_code == 200


def test_a_script_cannot_end_the_pages_own_script(olga: Client, to: Connector) -> None:
    EventTrigger.objects.create(
        connector=to, event_type="FN_WO_DONE", action="script", script="'</script><img src=x onerror=alert(1)>'"
    )

    assert "<img src=x" not in olga.get(page(to)).content.decode()


def test_when_an_event_came_last_and_how_often_is_told_for_this_company(olga: Client, to: Connector) -> None:
    now = timezone.now()
    for hours in (3, 30, 24 * 8):
        world.event(to.company, event_type="FN_WO_DONE", received_at=now - timedelta(hours=hours))
    world.event(world.company("Other Co"), event_type="FN_WO_DRAFT")

    came = trigger_traffic.traffic(to.company_id, now=now)
    text = olga.get(page(to)).content.decode()

    assert came == {"FN_WO_DONE": trigger_traffic.Came(now - timedelta(hours=3), 2)}
    assert "Last came 3\N{NO-BREAK SPACE}hours ago · 2 in 7 days" in text
    assert text.count("Not in the last 7 days") == 34


def test_of_very_many_events_the_newest_are_counted(to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger_traffic, "LOOKED_AT", 2)
    for _ in range(3):
        world.event(to.company, event_type="FN_WO_DONE")

    (came,) = trigger_traffic.traffic(to.company_id, now=timezone.now()).values()

    assert (came.times, came.at_least) == (2, True)


def test_create_record_offers_what_the_system_has(olga: Client, to: Connector) -> None:
    DiscoveredFields.objects.create(connector=to, side="external", record_kind="task", refreshed_at=timezone.now())

    offered = olga.get(page(to)).context["objects"]

    assert [one["value"] for one in offered] == ["", "note", "task"]


def test_the_queries_do_not_grow_with_the_rows(olga: Client, to: Connector) -> None:
    def fill(events: tuple[catalogue.WorkOrderEvent, ...]) -> None:
        for event in events:
            EventTrigger.objects.create(connector=to, event_type=event.constant)
            world.event(to.company, event_type=event.constant)
            FieldMapping.objects.create(connector=to, direction="outbound", source="title", target=event.constant)
        versions.publish(to.pk)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            olga.get(page(to))
        return len(queries)

    fill(catalogue.EVENTS[:1])
    few = asked()
    fill(catalogue.EVENTS[1:])

    assert asked() == few


# Save


def test_a_save_updates_in_place_adds_and_deletes_as_one_version(olga: Client, to: Connector) -> None:
    kept, gone = (EventTrigger.objects.create(connector=to, event_type=name) for name in ("FN_WO_DONE", "FN_WO_DRAFT"))
    shown = state(olga, to)["triggers"]
    changed = {**next(one for one in shown if one["id"] == kept.pk), "delivery_mode": "newest"}
    added = entry("FN_WO_APPROVED", action="script", script=SCRIPT)

    answer = save(olga, to, changed, added, version=2, comment="Less traffic")

    assert answer.status_code == 200
    kept.refresh_from_db()
    assert kept.delivery_mode == "newest"
    assert not EventTrigger.objects.filter(pk=gone.pk).exists()
    version = ConfigVersion.objects.get(connector=to, number=3)
    assert (version.user, version.comment) == ("olga", "Less traffic")
    told = answer.json()
    assert told["version"] == 3
    assert told["sentence"] == "Saved as version 3: 3 changes."
    assert told["changes"] == [
        "Event trigger FN_WO_DRAFT → Update Record removed.",
        "Event trigger FN_WO_DONE → Update Record: delivery mode was each event, is newest state only.",
        "Event trigger FN_WO_APPROVED → Custom Script added.",
    ]
    assert [one["id"] for one in told["triggers"]][1] == kept.pk
    to.refresh_from_db()
    assert (to.version, to.is_stale) == (3, False)
    noted = LogEntry.objects.get()
    assert (noted.object_id, noted.user.username) == (str(to.pk), "olga")
    assert noted.change_message.startswith("Event triggers saved as version 3: Event trigger FN_WO_DRAFT")


def test_saving_what_is_stored_already_makes_no_version(olga: Client, to: Connector) -> None:
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE", position=4)
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE", position=9)
    shown = state(olga, to)

    answer = save(olga, to, *shown["triggers"], version=shown["version"]).json()

    assert (answer["sentence"], answer["changes"]) == ("Nothing has changed; version 2 stays.", [])
    assert not LogEntry.objects.exists()


def test_actions_change_places_without_meeting_on_the_way(olga: Client, to: Connector) -> None:
    first, second, third = (
        EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE", position=place) for place in range(3)
    )
    shown = {one["id"]: one for one in state(olga, to)["triggers"]}

    answer = save(olga, to, shown[third.pk], shown[first.pk], entry(key="n2"), shown[second.pk], version=2)

    assert answer.status_code == 200
    order = list(EventTrigger.objects.filter(event_type="FN_WO_DONE").order_by("position").values_list("pk", flat=True))
    assert [order[0], order[1], order[3]] == [third.pk, first.pk, second.pk]


def test_an_unticked_event_is_kept_switched_off(olga: Client, to: Connector) -> None:
    save(olga, to, entry(is_enabled=False, filters={"conditions": [{"field": "title", "op": "not_empty"}]}))

    assert rows(to) == [("FN_WO_DONE", "update", 0, False)]
    assert versions.current([to.pk])[to.pk].ticked == {}


@pytest.mark.parametrize(
    ("more", "at", "says"),
    [
        ({"action": "script", "script": "{\n  a: 1 +\n}"}, "n1.script", "line 3"),
        ({"action": "script"}, "n1.script", "needs a script"),
        ({"filters": {"conditions": [{"field": "title", "op": "like"}]}}, "n1.filters", "Condition 1"),
        (
            {"filters": {"match": "all", "conditions": [{"field": "a" * 300, "op": "empty"}] * 100}},
            "n1.filters",
            "long",
        ),
        ({"event_type": "FN_WO_NOTHING"}, "n1.event_type", "not a valid choice"),
        ({"action": "delete"}, "n1.action", "not a valid choice"),
        ({"on_failure": "sing"}, "n1.on_failure", "not a valid choice"),
        ({"action": "create", "delivery_mode": "newest"}, "n1.delivery_mode", "Only Update Record"),
        ({"event_type": "FN_WO_DECLINED", "delivery_mode": "newest"}, "n1.delivery_mode", "something of its own"),
        ({"action": "create", "target_object": "invoice"}, "n1.target_object", "no object “invoice”"),
        ({"id": 123456}, "n1.action", "not there any more"),
    ],
)
def test_a_wrong_action_is_refused_at_its_place(
    olga: Client, to: Connector, more: dict[str, Any], at: str, says: str
) -> None:
    good = entry("FN_WO_APPROVED", key="n2")

    found = problems(save(olga, to, good, entry(**more)))

    assert [place for place, _ in found] == [at]
    assert says in found[0][1]
    assert rows(to) == []
    assert ConfigVersion.objects.filter(connector=to).count() == 1


def test_all_problems_are_told_at_once(olga: Client, to: Connector) -> None:
    bad = [entry(key="n1", action="script"), entry("FN_WO_DRAFT", key="n2", filters={"match": "some"})]
    many = [entry("FN_WO_APPROVED", key=f"m{number}") for number in range(11)]

    found = problems(save(olga, to, *bad, *many))

    assert [at for at, _ in found] == ["n1.script", "n2.filters", "FN_WO_APPROVED"]
    assert found[2][1] == "11 actions; one event takes 10 at most. Remove some."


@pytest.mark.parametrize(
    "data",
    [
        {"version": 1},
        {"version": 1, "triggers": "all"},
        {"version": 1, "triggers": [{"key": "n1"}]},
        {"version": 1, "triggers": [entry(is_enabled="yes")]},
        {"version": 1, "triggers": [entry(script=None)]},
        {"version": 1, "triggers": [entry(id="1")]},
        {"version": 1, "triggers": [entry(id=1), entry(id=1)]},
        {"version": 1, "triggers": [], "comment": "x" * 201},
    ],
)
def test_what_the_page_never_sends_is_refused_whole(olga: Client, to: Connector, data: Any) -> None:
    assert len(problems(post(olga, to, "save", data))) == 1
    assert rows(to) == []


def test_more_actions_than_all_events_can_have_are_not_looked_at(olga: Client, to: Connector) -> None:
    found = problems(save(olga, to, *(entry("NOTHING") for _ in range(351))))

    assert found == [("", "There are 351 actions; at most 350 can be saved.")]


def test_an_action_stays_with_its_event(olga: Client, to: Connector) -> None:
    moved = EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE")
    versions.publish(to.pk)

    found = problems(save(olga, to, entry("FN_WO_DRAFT", id=moved.pk), version=2))

    assert [at for at, _ in found] == ["n1.action"]
    assert rows(to) == [("FN_WO_DONE", "update", 0, True)]


def test_an_action_of_another_connector_cannot_be_taken(olga: Client, to: Connector) -> None:
    foreign = EventTrigger.objects.create(connector=world.connector(to.company, "Other"), event_type="FN_WO_DONE")

    found = problems(save(olga, to, entry(id=foreign.pk, is_enabled=False)))

    assert [at for at, _ in found] == ["n1.action"]
    foreign.refresh_from_db()
    assert (foreign.connector.name, foreign.is_enabled) == ("Other", True)


def test_a_second_save_of_the_same_page_is_told_who_was_first(olga: Client, to: Connector) -> None:
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DRAFT")
    versions.publish(to.pk, user="sam")

    found = problems(save(olga, to, entry()))

    assert found == [
        (
            "version",
            "sam saved version 2 after you opened this page. Nothing of yours is lost: take over what changed, then "
            "save again.",
        )
    ]
    assert rows(to) == [("FN_WO_DRAFT", "update", 0, True)]
    latest = post(olga, to, "latest", {}).json()
    assert (latest["version"], [one["event_type"] for one in latest["triggers"]]) == (2, ["FN_WO_DRAFT"])
    assert save(olga, to, *latest["triggers"], entry(), version=2).status_code == 200


def test_a_change_outside_the_admin_counts_as_another_person(olga: Client, to: Connector) -> None:
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DRAFT")

    found = problems(save(olga, to, entry()))

    assert found[0][1].startswith("Version 2 was made after you opened this page.")
    assert rows(to) == [("FN_WO_DRAFT", "update", 0, True)]


def test_every_column_of_a_trigger_is_edited_here() -> None:
    left_out = {"id", "connector", "position"}
    assert {field.name for field in EventTrigger._meta.concrete_fields} - left_out == set(FIELDS)


# The other acts


def test_a_script_is_checked_as_it_is_typed(olga: Client, to: Connector) -> None:
    good = post(olga, to, "check_script", {"script": SCRIPT, "name": "FN_WO_DONE"}).json()
    bad = post(olga, to, "check_script", {"script": "{\n  a: 'x,\n}", "name": "FN_WO_DONE"}).json()

    assert good == {"line": "", "sentence": ""}
    assert bad["line"] == "2"
    assert bad["sentence"].startswith("Script FN_WO_DONE, line 2: ")
    assert problems(post(olga, to, "check_script", {"script": 7}))


def test_advice_is_given_for_what_is_not_saved(olga: Client, to: Connector) -> None:
    answer = post(olga, to, "advice", {"ticked": [["FN_WO_UPDATED", "update", "", "each"]]}).json()

    codes = [(one["event"], one["code"]) for one in answer["advice"]]
    assert codes == [
        ("", "no_end"), ("FN_WO_UPDATED", "no_webhook"), ("FN_WO_UPDATED", "often"), ("FN_WO_UPDATED", "no_mappings"),
    ]  # fmt: skip
    assert problems(post(olga, to, "advice", {"ticked": [["FN_WO_UPDATED"]]}))
    assert problems(post(olga, to, "advice", {"ticked": {}}))


# Permissions


def test_who_may_not_see_triggers_gets_no_page(to: Connector) -> None:
    assert staff("connectors.view_connector").get(page(to)).status_code == 403


def test_a_reader_sees_and_changes_nothing(to: Connector) -> None:
    reader = staff(SEE, "connectors.view_connector")

    assert state(reader, to)["may_change"] is False
    assert save(reader, to, entry()).status_code == 403
    assert post(reader, to, "check_script", {"script": SCRIPT}).status_code == 403
    assert post(reader, to, "advice", {"ticked": []}).status_code == 200
    assert rows(to) == []


def test_who_may_change_saves(to: Connector) -> None:
    editor = staff(SEE, CHANGE, "connectors.view_connector")

    assert state(editor, to)["may_change"] is True
    assert save(editor, to, entry()).status_code == 200
    assert rows(to) == [("FN_WO_DONE", "update", 0, True)]
