"""Configuration versions: nothing changes unseen, versions are compiled once, an old one comes back equal."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import Misconfigured
from connectors.models import Company, Connector
from events import snapshot, versions
from events.accept import connector_facts
from events.models import ConfigVersion, Delivery, Event, EventTrigger
from events.roll_back import roll_back
from mappings.engine import dump_rows
from mappings.models import FieldMapping


def connector(name: str = "Help Desk") -> Connector:
    company, _ = Company.objects.get_or_create(name="Example Co")
    return Connector.objects.create(
        company=company,
        name=name,
        platform="rest",
        settings={"base_url": "https://help.example.test", "record_path": "/t/{id}"},
        secrets={"password": "kept-secret"},
    )


def trigger(to: Connector, **more: Any) -> EventTrigger:
    return EventTrigger.objects.create(**{"connector": to, "event_type": "FN_WO_ASSIGNED", **more})


def mapping(to: Connector, **more: Any) -> FieldMapping:
    given = {"connector": to, "direction": "outbound", "source": "title", "target": "subject", **more}
    return FieldMapping.objects.create(**given)


@pytest.fixture
def to(db: Any) -> Connector:
    """A connector with two triggers and two mappings, published."""
    made = connector()
    trigger(made)
    trigger(made, position=1, action="create", target_object="note")
    mapping(made)
    mapping(made, source="status.name", target="state", position=1, conflict_policy="manual")
    assert versions.publish(made.pk) == 1
    return Connector.objects.get(pk=made.pk)


def standing(of: Connector) -> tuple[int, bool]:
    return Connector.objects.values_list("version", "is_stale").get(pk=of.pk)


def version(of: Connector, number: int) -> ConfigVersion:
    return ConfigVersion.objects.get(connector=of, number=number)


# Nothing changes unseen


CHANGED: dict[str, Any] = {
    "on_failure": "stop", "write_mode": "append", "events": ["FN_WO_DONE"],
    "name": "Desk", "platform": "other", "settings": {"base_url": "https://new.example.test"}, "outbound_create": True,
    "write_back_field": "fn_id", "max_attempts": 3, "conflict_policy": "manual", "hop_limit": 5,
    "requests_per_minute": 90, "burst": 9, "max_concurrent": 4,
    "event_type": "FN_WO_DONE", "action": "other", "target_object": "other", "script": "{}",
    "filters": {"match": "all"}, "delivery_mode": "newest", "position": 7, "is_enabled": False, "direction": "inbound",
    "source": "id", "target": "other", "options": {"value": 1}, "has_default": True, "default": {"a": 1},
    "label": "Mine",
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "column"),
    [(model, column) for model, columns in (
        (Connector, snapshot.CONNECTOR), (EventTrigger, snapshot.TRIGGER), (FieldMapping, snapshot.MAPPING)
    ) for column in columns],
)  # fmt: skip
def test_a_change_of_a_versioned_column_makes_a_version(to: Connector, model: Any, column: str) -> None:
    before = versions.take(to.pk)
    row = model.objects.order_by("-pk").first()

    value = "last_write" if (model, column) == (FieldMapping, "conflict_policy") else CHANGED[column]
    model.objects.filter(pk=row.pk).update(**{column: value})

    assert standing(to) == (1, True)
    assert versions.publish(to.pk) == 2
    assert standing(to) == (2, False)
    assert versions.difference(before, version(to, 2).snapshot) != []


def test_every_column_of_triggers_and_mappings_is_versioned() -> None:
    for model, columns in ((EventTrigger, snapshot.TRIGGER), (FieldMapping, snapshot.MAPPING)):
        kept = {field.name for field in model._meta.concrete_fields}
        assert kept - {"id", "connector"} == set(columns), model


def test_a_column_of_a_connector_is_versioned_or_meant_not_to_be() -> None:
    left_out = {
        "id", "company", "status", "secrets", "version", "is_stale", "trigger_token", "trigger_token_hash",
        "created_at", "updated_at", "previous_token_hash", "previous_token_until", "notification_emails",
        "keep_bodies", "credentials_expire_on", "trigger_rate_limit",
    }  # fmt: skip
    assert {field.name for field in Connector._meta.concrete_fields} - left_out == set(snapshot.CONNECTOR)


def raw(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


WAYS: dict[str, Callable[[Connector], Any]] = {
    "trigger added": lambda to: trigger(to, position=9),
    "trigger removed": lambda to: EventTrigger.objects.order_by("pk")[0].delete(),
    "all triggers removed": lambda to: EventTrigger.objects.filter(connector=to).delete(),
    "mapping added": lambda to: mapping(to, target="other"),
    "mappings added in bulk": lambda to: FieldMapping.objects.bulk_create(
        [FieldMapping(connector=to, direction="inbound", source="a", target=f"t{n}") for n in range(3)]
    ),
    "mapping saved": lambda to: FieldMapping.objects.order_by("pk")[0].save(),
    "mapping removed": lambda to: FieldMapping.objects.order_by("pk")[0].delete(),
    "mapping changed by SQL": lambda to: raw("UPDATE mappings_fieldmapping SET source = 'x' WHERE target = 'state'"),
    "mapping removed by SQL": lambda to: raw("DELETE FROM mappings_fieldmapping WHERE connector_id = %s", to.pk),
    "connector changed by SQL": lambda to: raw("UPDATE connectors_connector SET burst = 3 WHERE id = %s", to.pk),
    "settings changed by SQL": lambda to: raw(
        "UPDATE connectors_connector SET settings = settings || '{\"a\": 1}' WHERE id = %s", to.pk
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_changing_goes_unseen(to: Connector, way: str) -> None:
    WAYS[way](to)

    assert standing(to) == (1, True)


def test_a_mapping_that_moves_marks_both_connectors(to: Connector) -> None:
    other = connector("Other")
    versions.publish(other.pk)

    FieldMapping.objects.filter(connector=to, target="state").update(connector=other)

    assert (standing(to), standing(other)) == ((1, True), (1, True))


NOT_VERSIONED: dict[str, Callable[[Connector], Any]] = {
    "status": lambda to: setattr(to, "status", "paused"),
    "secrets": lambda to: setattr(to, "secrets", {"password": "another"}),
    "valid until": lambda to: setattr(to, "credentials_expire_on", date(2026, 7, 1)),
    "trigger token": lambda to: to.renew_trigger_token(),
    "nothing": lambda to: None,
}


@pytest.mark.parametrize("what", NOT_VERSIONED)
def test_what_is_not_versioned_makes_no_version(to: Connector, what: str) -> None:
    NOT_VERSIONED[what](to)
    to.save()

    assert standing(to) == (1, False)
    assert versions.publish_stale() == {}


def test_another_connectors_change_is_not_ours(to: Connector) -> None:
    other = connector("Other")
    versions.publish(other.pk)

    trigger(other)

    assert (standing(to), standing(other)) == ((1, False), (1, True))


def test_an_update_that_matches_no_row_marks_nothing(to: Connector) -> None:
    FieldMapping.objects.filter(target="nowhere").update(source="x")
    FieldMapping.objects.filter(target="nowhere").delete()

    assert standing(to) == (1, False)


def test_saving_an_object_that_was_loaded_earlier_turns_nothing_back(db: Any) -> None:
    to = connector()
    loaded = Connector.objects.get(pk=to.pk)
    assert (loaded.version, loaded.is_stale) == (0, True)
    versions.publish(to.pk)
    unseen = Connector.objects.get(pk=to.pk)
    trigger(to)

    loaded.status = "paused"
    loaded.save()
    assert standing(to) == (1, True)
    unseen.status = "active"  # loaded before the trigger came, so it says that nothing is stale
    unseen.save()

    assert standing(to) == (1, True)
    assert versions.publish(to.pk) == 2


# Publish


def test_a_version_says_who_when_and_what(to: Connector) -> None:
    EventTrigger.objects.filter(position=0).update(script="{}")

    assert versions.publish_stale(user="olga", comment="Imported") == {to.pk: 2}

    made = version(to, 2)
    assert (made.user, made.comment, made.created_at is not None) == ("olga", "Imported", True)
    assert made.snapshot == versions.take(to.pk)
    assert made.snapshot["connector"] == {
        "name": "Help Desk", "platform": "rest", "outbound_create": False, "write_back_field": "", "max_attempts": None,
        "settings": {"base_url": "https://help.example.test", "record_path": "/t/{id}"}, "hop_limit": 60,
        "conflict_policy": "last_write", "requests_per_minute": None, "burst": None, "max_concurrent": None,
    }  # fmt: skip
    assert [entry["script"] for entry in made.snapshot["triggers"]] == ["{}", ""]
    assert [entry["target"] for entry in made.snapshot["mappings"]] == ["subject", "state"]


def test_no_secret_is_in_a_version(to: Connector) -> None:
    text = json.dumps(version(to, 1).snapshot)

    assert "kept-secret" not in text
    assert to.trigger_token not in text
    assert to.trigger_token_hash not in text


def test_an_unchanged_configuration_keeps_its_number(to: Connector) -> None:
    FieldMapping.objects.filter(target="state").update(source="x")
    FieldMapping.objects.filter(target="state").update(source="status.name")
    assert standing(to) == (1, True)

    assert versions.publish(to.pk) == 1

    assert standing(to) == (1, False)
    assert ConfigVersion.objects.filter(connector=to).count() == 1


def test_a_connector_that_is_gone_has_no_configuration(db: Any) -> None:
    with pytest.raises(Misconfigured, match="does not exist any more"):
        versions.publish(12345)
    assert versions.current([12345]) == {}


def test_a_version_is_never_changed(to: Connector) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        ConfigVersion.objects.filter(connector=to).update(user="someone else")

    assert version(to, 1).user == ""


def test_a_connector_is_deleted_with_its_versions(to: Connector) -> None:
    to.delete()

    assert not ConfigVersion.objects.exists()


# Races: two connections


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    """Do it on another connection; what waits for a lock that never comes fails instead of hanging."""

    def run() -> None:
        try:
            raw("SET lock_timeout = '20s'")
            work()
        finally:
            raw("RESET lock_timeout")
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_until_blocked() -> None:
    """Until some connection of this database waits for a lock."""
    with connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute(
                "SELECT count(*), pg_sleep(0.005) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            row = cursor.fetchone()
            if row and row[0]:
                return
    raise AssertionError("no connection waits for a lock")


@pytest.mark.django_db(transaction=True)
def test_a_change_during_a_publication_is_stale_afterwards() -> None:
    to = connector()
    mapping(to)

    with transaction.atomic():
        assert versions.publish(to.pk) == 1
        editor = in_thread(lambda: FieldMapping.objects.filter(connector=to).update(source="newer"))
        wait_until_blocked()
    editor.join()

    assert version(to, 1).snapshot["mappings"][0]["source"] == "title"
    assert standing(to) == (1, True)
    assert versions.current([to.pk])[to.pk].number == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_stale", [True, False])
def test_a_publication_waits_for_a_change_under_way(is_stale: bool) -> None:
    """Also when the connector was stale before, so that the change had nothing to mark."""
    to = connector()
    mapping(to)
    if not is_stale:
        versions.publish(to.pk)
    found: list[int] = []

    with transaction.atomic():
        FieldMapping.objects.filter(connector=to).update(source="newer")
        publisher = in_thread(lambda: found.append(versions.publish(to.pk)))
        wait_until_blocked()
    publisher.join()

    assert found == [1 if is_stale else 2]
    assert version(to, found[0]).snapshot["mappings"][0]["source"] == "newer"
    assert standing(to) == (found[0], False)


@pytest.mark.django_db(transaction=True)
def test_a_reader_does_not_wait_for_a_change_under_way() -> None:
    """It may hold lanes, and the one who changes may want them."""
    to = connector()
    mapping(to)
    versions.publish(to.pk)
    FieldMapping.objects.filter(connector=to).update(source="unpublished")
    found: list[str] = []

    with transaction.atomic():
        FieldMapping.objects.filter(connector=to).update(source="newer")
        reader = in_thread(lambda: found.append(versions.current([to.pk])[to.pk].rows["outbound", ""]))
        reader.join()
    assert ["title" in rows for rows in found] == [True]

    assert versions.current([to.pk])[to.pk].number == 2
    assert "newer" in versions.current([to.pk])[to.pk].rows["outbound", ""]


@pytest.mark.django_db(transaction=True)
def test_events_are_taken_while_a_connector_is_being_published() -> None:
    to = connector()
    event = Event.objects.create(kind="work_order", door="api", company=to.company, work_order_id=1)
    made: list[Delivery] = []

    with transaction.atomic():
        versions.publish(to.pk)
        given = {"event": event, "connector": to, "direction": "outbound", "action": "update", "lane_key": "wo:1"}
        sender = in_thread(lambda: made.append(Delivery.objects.create(**given)))
        sender.join()

    assert [delivery.connector_id for delivery in made] == [to.pk]


@pytest.mark.django_db(transaction=True)
def test_a_number_that_was_rolled_back_is_not_remembered() -> None:
    to = connector()
    mapping(to)
    versions.publish(to.pk)

    with transaction.atomic():
        FieldMapping.objects.filter(connector=to).update(source="undone")
        undone = versions.current([to.pk])[to.pk]
        transaction.set_rollback(True)
    assert (undone.number, "undone" in undone.rows["outbound", ""]) == (2, True)
    FieldMapping.objects.filter(connector=to).update(source="kept")

    assert "kept" in versions.current([to.pk])[to.pk].rows["outbound", ""]
    assert "kept" in versions.of([(to.pk, 2)])[to.pk, 2].rows["outbound", ""]


# Read


def test_a_version_is_compiled_as_the_tables_say(to: Connector) -> None:
    mapping(to, source="z", target="z", position=0, is_enabled=False)
    inbound = mapping(to, direction="inbound", source="a", target="b", has_default=True, conflict_policy="external")
    trigger(to, position=2, is_enabled=False)
    first = EventTrigger.objects.get(position=0)
    EventTrigger.objects.filter(pk=first.pk).update(filters={"match": "all"}, position=5)

    config = versions.current([to.pk])[to.pk]

    assert (config.connector_id, config.number, config.hop_limit, config.max_attempts) == (to.pk, 2, 60, None)
    rows = FieldMapping.objects.filter(connector=to, direction="outbound", is_enabled=True).order_by("position", "id")
    assert config.rows == {
        ("outbound", ""): json.dumps(dump_rows([row.row() for row in rows]), sort_keys=True),
        ("inbound", ""): json.dumps(dump_rows([inbound.row()]), sort_keys=True),
    }
    assert config.policies == {"outbound": {"state": "manual"}, "inbound": {"b": "external"}}
    second = EventTrigger.objects.get(position=1)
    assert [(one.id, one.target_object, one.filters) for one in config.ticked["FN_WO_ASSIGNED"]] == [
        (second.pk, "note", ""), (first.pk, "", '{"match": "all"}'),
    ]  # fmt: skip
    assert list(config.triggers) == [second.pk, first.pk]


def test_an_older_version_stays_as_it_was(to: Connector) -> None:
    FieldMapping.objects.filter(target="state").delete()
    Connector.objects.filter(pk=to.pk).update(hop_limit=9)

    now = versions.current([to.pk])[to.pk]
    then = versions.of([(to.pk, 1), (to.pk, 2)])[to.pk, 1]

    assert (now.number, now.hop_limit, now.policies) == (2, 9, {})
    assert (then.number, then.hop_limit, then.policies) == (1, 60, {"outbound": {"state": "manual"}})


def test_a_version_that_does_not_exist_is_told(to: Connector) -> None:
    with pytest.raises(Misconfigured, match=r"^Configuration version 7 does not exist\."):
        versions.of([(to.pk, 1), (to.pk, 7)])


def test_reading_costs_one_query_for_any_number(to: Connector) -> None:
    made = [to, *(connector(f"Desk {number}") for number in range(5))]
    keys = [each.pk for each in made]
    versions.current(keys)
    pairs = [(key, 1) for key in keys]

    with CaptureQueriesContext(connection) as queries:
        found = versions.current(keys)
        versions.of(pairs)

    assert [config.number for config in found.values()] == [1] * 6
    assert len(queries) == 2


def test_versions_not_known_yet_are_loaded_in_one_query(to: Connector) -> None:
    made = [connector(f"Desk {number}") for number in range(5)]
    for each in made:
        versions.publish(each.pk)

    with CaptureQueriesContext(connection) as queries:
        found = versions.current(each.pk for each in made)

    assert len(found) == 5
    assert len(queries) == 2


def test_routing_costs_one_query(to: Connector) -> None:
    company = to.company
    trigger(to, event_type="FN_WO_DONE", delivery_mode="newest")
    connector_facts(company, ["FN_WO_DONE"])

    with CaptureQueriesContext(connection) as queries:
        (facts,) = connector_facts(company, ["FN_WO_DONE", "FN_WO_DONE", ""])

    assert len(queries) == 1
    assert (facts.id, facts.name, facts.status, facts.version) == (to.pk, "Help Desk", "active", 2)
    assert [(one.event_type, one.action, one.filters, one.delivery_mode) for one in facts.triggers] == [
        ("FN_WO_DONE", "update", "", "newest")
    ]


def test_routing_sees_a_change_at_once(to: Connector) -> None:
    connector_facts(to.company, ["FN_WO_ASSIGNED"])
    EventTrigger.objects.filter(connector=to, position=0).update(is_enabled=False)
    Connector.objects.filter(pk=to.pk).update(name="Desk", status="paused")

    (facts,) = connector_facts(to.company, ["FN_WO_ASSIGNED"])

    assert [one.target_object for one in facts.triggers] == ["note"]
    assert (facts.name, facts.status) == ("Desk", "paused")


# Roll back


def disturb_places(to: Connector) -> None:
    """The two triggers change places, so do the targets of the two mappings."""
    first, second = EventTrigger.objects.filter(connector=to).order_by("position")
    for row, position in ((first, 8), (second, 0), (first, 1)):
        EventTrigger.objects.filter(pk=row.pk).update(position=position)
    one, two = FieldMapping.objects.filter(connector=to).order_by("pk")
    for mapped, target in ((one, "between"), (two, "subject"), (one, "state")):
        FieldMapping.objects.filter(pk=mapped.pk).update(target=target)


def disturb_rows(to: Connector) -> None:
    """All rows go, others take their places."""
    FieldMapping.objects.filter(connector=to).delete()
    EventTrigger.objects.filter(connector=to).delete()
    trigger(to, script="x", action="script")
    mapping(to, source="other")


ELSEWHERE = {"base_url": "https://help.example.test/elsewhere"}


def disturb_connector(to: Connector) -> None:
    Connector.objects.filter(pk=to.pk).update(settings=ELSEWHERE, hop_limit=1, burst=4, outbound_create=True)


@pytest.mark.parametrize("disturb", [disturb_places, disturb_rows, disturb_connector])
def test_a_roll_back_gives_an_equal_version(to: Connector, disturb: Callable[[Connector], None]) -> None:
    disturb(to)
    versions.publish(to.pk, user="olga")
    Connector.objects.filter(pk=to.pk).update(status="paused")

    assert roll_back(to.pk, 1, user="rui") == 3

    first, last = version(to, 1), version(to, 3)
    assert versions.difference(first.snapshot, last.snapshot) == []
    assert (last.digest, last.user, last.comment) == (first.digest, "rui", "As version 1")
    assert versions.take(to.pk) == first.snapshot
    assert standing(to) == (3, False)
    to.refresh_from_db()
    assert (to.status, to.secrets) == ("paused", {"password": "kept-secret"})


def test_a_roll_back_takes_no_credentials_to_another_host(to: Connector) -> None:
    Connector.objects.filter(pk=to.pk).update(settings={"base_url": "https://desk.example.test"})
    before = versions.take(to.pk)

    with pytest.raises(Misconfigured) as caught:
        roll_back(to.pk, 1, user="rui")

    assert caught.value.sentence == (
        "Nothing was changed: that version sends to help.example.test, and the stored credentials were given for "
        "another host. Enter that address with its credentials on the connector's page first, then roll back."
    )
    assert versions.take(to.pk) == before


def test_a_roll_back_to_another_host_without_credentials_goes_through(to: Connector) -> None:
    to.settings, to.secrets = {"base_url": "https://desk.example.test"}, {}
    to.save()

    assert roll_back(to.pk, 1, user="rui") == 3

    to.refresh_from_db()
    assert to.settings["base_url"] == "https://help.example.test"


ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.integers(0, 3)), max_size=5)
"""Targets, whether they are on, and positions, by place in the tables."""


def arrange(to: Connector, rows: list[tuple[str, bool, int]]) -> None:
    """Give the connector these mappings and triggers, as far as their constraints allow; rows beyond them go."""
    taken: set[Any] = set()
    models: tuple[Any, ...] = (FieldMapping, EventTrigger)
    for model in models:
        model.objects.filter(pk__in=[row.pk for row in model.objects.order_by("pk")[len(rows) :]]).delete()
    FieldMapping.objects.update(is_enabled=False)
    EventTrigger.objects.update(position=F("pk") % 10_000 + 100)
    for place, (target, is_enabled, position) in enumerate(rows):
        mapped = FieldMapping.objects.order_by("pk")[place : place + 1].first() or FieldMapping(direction="outbound")
        mapped.connector, mapped.target, mapped.position = to, target, position
        mapped.is_enabled = is_enabled and target not in taken
        mapped.save()
        ticked = EventTrigger.objects.order_by("pk")[place : place + 1].first() or EventTrigger(event_type="FN_WO_DONE")
        ticked.connector, ticked.is_enabled = to, is_enabled
        ticked.position = position if position not in taken else place + 10
        ticked.save()
        taken |= {target, ticked.position} if mapped.is_enabled else {ticked.position}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(ROWS, min_size=2, max_size=4), back=st.integers(0, 3))
def test_any_version_can_come_back(db: Any, states: list[list[tuple[str, bool, int]]], back: int) -> None:
    with transaction.atomic():
        to = connector()
        numbers = []
        for rows in states:
            arrange(to, rows)
            numbers.append(versions.publish(to.pk))
        number = numbers[back % len(numbers)]

        made = roll_back(to.pk, number, user="rui")

        assert version(to, made).snapshot == version(to, number).snapshot == versions.take(to.pk)
        transaction.set_rollback(True)


def test_a_roll_back_keeps_what_was_not_published(to: Connector) -> None:
    FieldMapping.objects.filter(connector=to).delete()

    assert roll_back(to.pk, 1, user="rui") == 3

    assert version(to, 2).snapshot["mappings"] == []
    assert FieldMapping.objects.filter(connector=to).count() == 2


def test_a_roll_back_to_the_present_version_makes_none(to: Connector) -> None:
    assert roll_back(to.pk, 1, user="rui") == 1
    assert ConfigVersion.objects.filter(connector=to).count() == 1


def test_a_delivery_keeps_naming_its_trigger_also_one_that_goes(to: Connector) -> None:
    event = Event.objects.create(kind="work_order", door="api", company=to.company, work_order_id=1)
    later = trigger(to, position=9)
    kept = EventTrigger.objects.get(position=0)
    made = [
        Delivery.objects.create(
            event=event, connector=to, trigger=of, direction="outbound", action="update", lane_key="wo:1"
        )
        for of in (kept, later)
    ]

    roll_back(to.pk, 1, user="rui")

    assert [Delivery.objects.get(pk=each.pk).trigger_id for each in made] == [kept.pk, later.pk]


def test_a_row_that_another_connector_has_by_now_is_left_to_it(to: Connector) -> None:
    other = connector("Other")
    FieldMapping.objects.filter(connector=to, target="state").update(connector=other)

    roll_back(to.pk, 1, user="rui")

    assert sorted(FieldMapping.objects.filter(connector=to).values_list("target", flat=True)) == ["state", "subject"]
    assert list(FieldMapping.objects.filter(connector=other).values_list("target", flat=True)) == ["state"]


@pytest.mark.parametrize(
    ("number", "platform", "sentence"),
    [(7, "rest", "version 7 does not exist"), (1, "other", "made for the platform rest")],
)
def test_a_roll_back_that_cannot_be_changes_nothing(to: Connector, number: int, platform: str, sentence: str) -> None:
    disturb_rows(to)
    Connector.objects.filter(pk=to.pk).update(platform=platform)
    before = versions.take(to.pk)

    with pytest.raises(Misconfigured, match=sentence):
        roll_back(to.pk, number, user="rui")

    assert versions.take(to.pk) == before
    assert standing(to) == (1, True)


# Differences


def entry(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "direction": "outbound", "position": 0, "is_enabled": True, "target_object": "", "action": "sync",
        "source": "status.name", "target": "state", "options": {}, "has_default": False, "default": None, "label": "",
        "conflict_policy": "", **more,
    }  # fmt: skip


def ticked(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "event_type": "FN_WO_DONE", "action": "update", "target_object": "", "script": "", "filters": {},
        "delivery_mode": "each", "position": 0, "is_enabled": True, **more,
    }  # fmt: skip


def whole(triggers: Any = (), mappings: Any = (), settings: Any = (), **more: Any) -> dict[str, Any]:
    options = {
        "name": "Desk", "platform": "rest", "settings": dict(settings), "outbound_create": False,
        "write_back_field": "", "max_attempts": None, "conflict_policy": "last_write", "hop_limit": 60,
        "requests_per_minute": None, "burst": None, "max_concurrent": None, **more,
    }  # fmt: skip
    return {"connector": options, "triggers": list(triggers), "mappings": list(mappings)}


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        (whole(), whole(), []),
        (whole(), whole(name="Help"), ["Name was Desk, is Help."]),
        (whole(), whole(outbound_create=True), ["Outbound create was no, is yes."]),
        (whole(), whole(max_attempts=3), ["Tries was empty, is 3."]),
        (
            whole(),
            whole(conflict_policy="manual"),
            ["Conflict rule was last write wins, is a person decides."],
        ),
        (
            whole(settings={"base_url": "https://a.example.test", "gone": 1}),
            whole(settings={"base_url": "https://b.example.test"}),
            [
                "Setting base_url was https://a.example.test, is https://b.example.test.",
                "Setting gone was 1, is empty.",
            ],
        ),
        (whole(), whole([ticked()]), ["Event trigger FN_WO_DONE → Update Record added."]),
        (whole([ticked()]), whole(), ["Event trigger FN_WO_DONE → Update Record removed."]),
        (
            whole([ticked(script="a\nb")]),
            whole([ticked(script="a\nc", is_enabled=False, delivery_mode="newest")]),
            [
                "Event trigger FN_WO_DONE → Update Record: script changed.",
                "Event trigger FN_WO_DONE → Update Record: delivery mode was each event, is newest state only.",
                "Event trigger FN_WO_DONE → Update Record: on was yes, is no.",
            ],
        ),
        (
            whole(mappings=[entry()]),
            whole(mappings=[entry(action="array_map", options={"mappings": [{"compare": "x" * 90, "value": 1}]})]),
            [
                "Outbound mapping status.name → state: action was Sync, is Array Map.",
                "Outbound mapping status.name → state: options (JSON) changed.",
            ],
        ),
        (
            whole(mappings=[entry()]),
            whole(mappings=[entry(id=2, source="", target_object="note", direction="inbound")]),
            ["Outbound mapping status.name → state removed.", "Inbound mapping - → state (note) added."],
        ),
        (
            whole(mappings=[entry(default=None, has_default=True)]),
            whole(mappings=[entry(default="", has_default=True)]),
            ["Outbound mapping status.name → state: default changed."],
        ),
    ],
)
def test_differences_are_sentences(old: Any, new: Any, sentences: list[str]) -> None:
    assert versions.difference(old, new) == sentences


def test_the_order_of_keys_is_no_difference() -> None:
    turned = json.loads(json.dumps(whole([ticked()])), object_pairs_hook=lambda pairs: dict(reversed(pairs)))

    assert snapshot.digest_of(turned) == snapshot.digest_of(whole([ticked()]))
    assert snapshot.digest_of(whole([ticked(position=1)])) != snapshot.digest_of(whole([ticked()]))
