"""The Field Mappings page: what it shows, what its acts take and refuse, who may use them."""

from __future__ import annotations

import json
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
from events import versions
from events.models import ConfigVersion, Event, EventTrigger
from mappings.models import FieldMapping, RecordLink
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

SEE = "mappings.view_fieldmapping"
SITE = "connectors.view_connector"


@pytest.fixture
def to(db: Any) -> Connector:
    made = world.connector(world.company())
    for position, (source, target) in enumerate((("title", "subject"), ("id", "number")), start=1):
        FieldMapping.objects.create(
            connector=made, direction="outbound", position=position, source=source, target=target
        )
    versions.publish(made.pk)
    made.refresh_from_db()
    return made


@pytest.fixture
def olga(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def page(of: Connector) -> str:
    return reverse("admin:connectors_connector_mappings", args=[of.pk])


def state(client: Client, of: Connector) -> dict[str, Any]:
    found: dict[str, Any] = client.get(page(of)).context["state"]
    return found


def post(client: Client, to: Connector, act: str, data: Any) -> Any:
    return client.post(f"{page(to)}{act}/", json.dumps(data), content_type="application/json")


def row(target: str = "extra", **more: Any) -> dict[str, Any]:
    """A new row as the page posts it."""
    usual: dict[str, Any] = {
        "id": None, "is_enabled": True, "action": "sync", "source": "title", "target": target, "options": {},
        "has_default": False, "default": None, "label": "", "conflict_policy": "", "write_mode": "always", "events": [],
    }  # fmt: skip
    return {"key": f"k-{target}", **usual, **more}


def only(*rows: dict[str, Any], direction: str = "outbound", target_object: str = "") -> list[dict[str, Any]]:
    return [{"direction": direction, "target_object": target_object, "rows": list(rows)}]


def save(client: Client, to: Connector, sets: Any, **more: Any) -> Any:
    return post(client, to, "save", {"version": to.version, "sets": sets, **more})


def problems(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.content
    return [(problem["at"], problem["sentence"]) for problem in answer.json()["problems"]]


def discovered(to: Connector, *fields: dict[str, Any]) -> None:
    DiscoveredFields.objects.create(
        connector=to, side="external", record_kind="", fields=list(fields), refreshed_at=timezone.now()
    )


# --- What it shows ----------------------------------------------------------------------------------------------------


def test_the_page_shows_both_directions_and_what_can_be_picked(olga: Client, to: Connector) -> None:
    discovered(to, {"path": "subject", "label": "Subject", "type": "text", "required": True, "choices": [["a", "A"]]})
    FieldMapping.objects.create(connector=to, direction="inbound", source="subject", target="title")
    shown = state(olga, to)
    assert [(one["label"], len(one["rows"])) for one in shown["sets"]] == [
        ("Outbound: Record", 2), ("Outbound: Note", 0), ("Inbound", 1),
    ]  # fmt: skip
    assert [field["path"] for field in shown["fields"]["outbound."]["targets"]] == ["subject"]
    assert "pay.amount" in {field["path"] for field in shown["fields"]["outbound."]["sources"]}
    assert {"title", "location.city"} <= {field["path"] for field in shown["fields"]["inbound."]["targets"]}
    to.refresh_from_db()
    assert shown["version"] == to.version


def test_no_secret_of_the_connector_is_on_the_page(olga: Client, to: Connector) -> None:
    text = olga.get(page(to)).content.decode()
    assert not [secret for secret in world.SECRETS if secret in text]


def test_what_stands_in_rows_cannot_leave_the_page_s_data(olga: Client, to: Connector) -> None:
    FieldMapping.objects.create(
        connector=to, direction="outbound", source="title", target="x", label="</script><script>alert(1)</script>"
    )
    assert "<script>alert(1)" not in olga.get(page(to)).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(olga: Client, to: Connector) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert olga.get(page(to)).status_code == 200
        return len(queries)

    count()
    before = count()
    FieldMapping.objects.bulk_create(
        FieldMapping(connector=to, direction="outbound", source="title", target=f"t{number}") for number in range(300)
    )
    for number in range(20):
        world.event(to.company, 2000 + number)
        RecordLink.objects.create(connector=to, work_order_id=3000 + number, external_id=f"T-{number}")
    versions.publish(to.pk)
    assert count() == before


def test_saving_takes_as_many_queries_for_many_rows_as_for_few(olga: Client, to: Connector) -> None:
    def count(rows: int) -> int:
        to.refresh_from_db()
        sets = only(*(row(f"t{number}", label=f"of {rows}") for number in range(rows)))
        with CaptureQueriesContext(connection) as queries:
            assert save(olga, to, sets).status_code == 200
        return len(queries)

    count(2)
    assert count(5) == count(90)


# --- Who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["save", "import_rows", "suggest", "check_script", "read_record"])
def test_acts_that_change_need_the_change_permission(act: str, to: Connector) -> None:
    assert post(staff(SEE, SITE), to, act, {}).status_code == 403


def test_who_may_only_see_gets_a_page_to_read_and_its_preview(to: Connector) -> None:
    reader = staff(SEE, SITE)
    assert state(reader, to)["may_change"] is False
    answer = post(reader, to, "preview", {"sets": only(row()), "direction": "outbound", "target_object": "",
                                          "sample": {"value": "built_in"}})  # fmt: skip
    assert answer.json()["results"]["k-extra"]["result"] == '"Swap failed edge switch"'
    assert staff(SITE).get(page(to)).status_code == 403


def test_real_events_are_samples_only_for_who_may_see_events(to: Connector) -> None:
    event = world.event(to.company)
    sample = {"value": f"event:{event.pk}"}
    ask = {"sets": only(row()), "direction": "outbound", "target_object": "", "sample": sample}
    reader, insider = staff(SEE, SITE), staff(SEE, SITE, "events.view_event")
    assert sample["value"] not in str(state(reader, to)["samples"])
    assert post(reader, to, "preview", ask).json()["sample_problem"] == (
        "This sample is not there any more. Choose another one."
    )
    assert sample["value"] in str(state(insider, to)["samples"])
    assert post(insider, to, "preview", ask).json()["results"]["k-extra"]["result"] == '"Replace the router"'


# --- Save -------------------------------------------------------------------------------------------------------------


def test_one_save_stores_rows_in_place_as_one_version_with_its_author(olga: Client, to: Connector) -> None:
    first, second = FieldMapping.objects.filter(connector=to).order_by("id")
    [kept] = [one for one in state(olga, to)["sets"][0]["rows"] if one["id"] == first.pk]
    answer = save(
        olga,
        to,
        only(row("stage", write_mode="when_empty", events=["FN_WO_DONE"]), {**kept, "label": "The subject"}),
        comment="Stage added",
    )
    assert answer.status_code == 200, answer.content
    number = to.version + 1
    assert answer.json()["sentence"] == f"Saved as version {number}: 1 added, 1 changed, 1 removed."
    stored = list(FieldMapping.objects.filter(connector=to).order_by("position"))
    assert [(one.target, one.position, one.label) for one in stored] == [
        ("stage", 1, ""),
        ("subject", 2, "The subject"),
    ]
    assert stored[1].pk == first.pk
    assert (stored[0].write_mode, stored[0].events) == ("when_empty", ["FN_WO_DONE"])
    assert answer.json()["ids"] == {"k-stage": stored[0].pk, f"r{first.pk}": first.pk}
    assert not FieldMapping.objects.filter(pk=second.pk).exists()
    version = ConfigVersion.objects.get(connector=to, number=number)
    assert (version.user, version.comment) == ("olga", "Stage added")
    assert ConfigVersion.objects.filter(connector=to).count() == 2
    assert LogEntry.objects.get().change_message == (
        f"Field mappings saved as version {number}: 1 added, 1 changed, 1 removed."
    )


def test_saving_what_is_there_makes_no_version(olga: Client, to: Connector) -> None:
    FieldMapping.objects.create(
        connector=to, direction="outbound", action="array_map", source="id", target="listed", position=3,
        options={"mappings": [{"compare": 1.0, "value": "one"}]},
    )  # fmt: skip
    to.version = versions.publish(to.pk)
    sets = state(olga, to)["sets"]
    [listed] = [one for one in sets[0]["rows"] if one["target"] == "listed"]
    listed["options"] = {"mappings": [{"value": "one", "compare": 1}]}  # as a browser may write the same
    answer = save(olga, to, sets)
    assert answer.json()["sentence"] == "Nothing was changed, so there is no new version."
    to.refresh_from_db()
    assert to.version == answer.json()["version"]
    assert not LogEntry.objects.exists()


def test_true_is_not_taken_for_one(olga: Client, to: Connector) -> None:
    static = {"action": "set_static", "source": ""}
    assert save(olga, to, only(row("flag", **static, options={"value": 1}))).status_code == 200
    to.refresh_from_db()
    [stored] = state(olga, to)["sets"][0]["rows"]
    assert save(olga, to, only({**stored, "options": {"value": True}})).json()["sentence"].endswith("1 changed.")
    assert FieldMapping.objects.get(connector=to).options == {"value": True}


def test_two_rows_can_change_targets_with_each_other(olga: Client, to: Connector) -> None:
    one, other = state(olga, to)["sets"][0]["rows"]
    one["target"], other["target"] = other["target"], one["target"]
    assert save(olga, to, only(one, other)).status_code == 200
    assert list(FieldMapping.objects.order_by("id").values_list("source", "target")) == [
        ("title", "number"), ("id", "subject"),
    ]  # fmt: skip


def test_a_row_of_another_connector_is_never_touched(olga: Client, to: Connector) -> None:
    foreign = FieldMapping.objects.create(
        connector=world.connector(to.company, "Other"), direction="outbound", source="a", target="theirs"
    )
    assert save(olga, to, only(row("mine", id=foreign.pk))).status_code == 200
    foreign.refresh_from_db()
    assert foreign.target == "theirs"
    assert FieldMapping.objects.get(connector=to).pk != foreign.pk


def test_who_was_overtaken_is_told_by_whom_and_nothing_is_stored(olga: Client, to: Connector) -> None:
    other = Client()
    other.force_login(User.objects.create_superuser(username="sam", email="", password=None))
    assert save(other, to, only(row("theirs"))).status_code == 200
    [(at, sentence)] = problems(save(olga, to, only(row("mine"))))
    assert at == "version"
    assert sentence.startswith(f"sam saved version {to.version + 1} meanwhile. Nothing was stored")
    assert list(FieldMapping.objects.values_list("target", flat=True)) == ["theirs"]


def test_a_change_outside_the_page_overtakes_too_and_keeps_its_own_version(olga: Client, to: Connector) -> None:
    FieldMapping.objects.filter(connector=to, target="number").update(label="by hand")
    [(_, sentence)] = problems(save(olga, to, only(row("mine"))))
    assert sentence.startswith(f"Version {to.version + 1} was made outside this page meanwhile.")
    assert state(olga, to)["version"] == to.version + 1


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown action", {"action": "explode"}, 'There is no action "explode". Use one of sync, set_static, array_map, '
     "range_map, date_convert, concat, custom."),
    ("bad source", {"source": "a..b"}, '"a..b" is not a path. Write names with dots between them, places in a list as '
     "contacts[0].email."),
    ("bad target", {"target": "list[0]"}, 'The target "list[0]" uses [n]. A target builds objects, not lists: fill the '
     "list as a whole."),
    ("no target", {"target": ""}, "The target is missing. Name the field that the row fills."),
    ("no source", {"source": ""}, "Sync needs a source. Choose the field that it reads."),
    ("unsorted bands", {"action": "range_map", "options": {"ranges": [
        {"compare": 600, "value": "M"}, {"compare": 150, "value": "S"}]}},
     "The bands are not in ascending order. Sort them: the first band that holds is taken."),
    ("no entries", {"action": "array_map", "options": {"mappings": []}}, "Array Map has no entries. Add at least one."),
    ("text as a limit", {"action": "range_map", "options": {"ranges": [{"compare": "many", "value": 1}]}},
     'compare must be a number in range_map, not "many".'),
    ("unknown zone", {"action": "date_convert", "options": {"input_format": "YYYY-MM-DD", "output_format": "YYYY",
     "timezone_in": "Mars/Base"}}, 'There is no time zone "Mars/Base". Use an IANA name such as America/Denver.'),
    ("unknown token", {"action": "date_convert", "options": {"input_format": "YYYY-MM-DD", "output_format": "Q"}},
     "The date token Q is not supported. Use a documented token, or write [Q] for the plain text."),
    ("script that does not compile", {"action": "custom", "source": "", "options": {"script": "local x = ;\nx"}},
     "Script extra, line 1: Unexpected: \";\" while parsing terminal"),
    ("unknown event", {"events": ["FN_WO_EXPLODED"]}, "There is no event FN_WO_EXPLODED. Choose events from the list."),
    ("unknown write mode", {"write_mode": "maybe"},
     "Choose when the row writes: always, when the target is empty, on create, or append."),
    ("NUL", {"label": "a\x00b"}, "A text holds a character that cannot be stored (NUL, or half of a pair). Remove it."),
    ("too long", {"source": "a" * 501}, "source has 501 characters; at most 500 are taken."),
    ("too deep", {"action": "set_static", "source": "", "options": {"value": json.loads("[" * 30 + "]" * 30)}},
     "A value is nested deeper than 24 levels. Use a simpler one."),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "sentence"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_wrong_input_is_refused_at_its_row_and_nothing_is_stored(
    olga: Client, to: Connector, wrong: dict[str, Any], sentence: str
) -> None:
    before = list(FieldMapping.objects.values())
    assert problems(save(olga, to, only({**row(), "key": "the-row", **wrong}, row("fine")))) == [("the-row", sentence)]
    assert list(FieldMapping.objects.values()) == before
    assert ConfigVersion.objects.filter(connector=to).count() == 1


def test_all_problems_come_at_once(olga: Client, to: Connector) -> None:
    sets = [
        *only(row("a"), {**row("a"), "key": "twice"}, {**row("a.b"), "key": "inside"}, row("off", is_enabled=False)),
        *only({**row("title"), "key": "events", "events": ["FN_WO_DONE"]}, direction="inbound"),
        *only({**row("title"), "key": "object"}, direction="inbound", target_object="note"),
    ]
    assert problems(save(olga, to, sets)) == [
        ("events", "An inbound row runs for every trigger; take its events away."),
        ("twice", "Another row fills a already. Keep one of them."),
        ("inside", "a.b and a overlap: one lies inside the other. Keep one of them."),
        ("object", "An inbound row always fills the work order; it takes no target object."),
    ]


def test_a_row_that_is_off_may_have_the_target_of_another(olga: Client, to: Connector) -> None:
    assert save(olga, to, only(row("a"), {**row("a", is_enabled=False), "key": "spare"})).status_code == 200


def test_more_than_500_rows_are_refused(olga: Client, to: Connector) -> None:
    answer = save(olga, to, only(*(row(f"t{number}") for number in range(501))))
    assert problems(answer) == [("", "There are 501 rows; a connector takes 500. Remove some.")]


@pytest.mark.parametrize(
    "sets",
    [
        None,
        "rows",
        [1],
        [{"rows": [1], "direction": "outbound"}],
        [{"rows": [{"target": "x"}], "direction": "outbound"}],
        [{"rows": [row()]}],
    ],
    ids=["nothing", "text", "numbers", "number as a row", "row without key", "no direction"],
)
def test_what_is_no_list_of_rows_is_refused(olga: Client, to: Connector, sets: Any) -> None:
    assert problems(save(olga, to, sets))
    assert FieldMapping.objects.count() == 2


# --- Required fields --------------------------------------------------------------------------------------------------

NEEDED = {"path": "requester", "label": "Requester", "type": "text", "required": True}
MISSING = (
    "Requester (requester) is required in the external system and no outbound row fills it. Add a row; Set Static will "
    "do."
)


def test_a_required_field_that_no_row_fills_is_refused_when_records_are_created(olga: Client, to: Connector) -> None:
    discovered(to, NEEDED)
    Connector.objects.filter(pk=to.pk).update(outbound_create=True)
    to.version = versions.publish(to.pk)
    assert problems(save(olga, to, only(row()))) == [("outbound.", MISSING)]
    assert save(olga, to, only(row(), row("requester"))).status_code == 200


@pytest.mark.parametrize("script", [False, True], ids=["nothing is created", "a script may fill it"])
def test_a_required_field_is_only_advice_otherwise(olga: Client, to: Connector, script: bool) -> None:
    discovered(to, NEEDED)
    if script:
        Connector.objects.filter(pk=to.pk).update(outbound_create=True)
        EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE", action="script", script="{}")
        to.version = versions.publish(to.pk)
    assert save(olga, to, only(row())).status_code == 200
    answer = ask_preview(olga, to, only(row()))
    assert {"at": "outbound.", "sentence": MISSING, "severity": "warning"} in answer["findings"]


# --- Preview and samples ----------------------------------------------------------------------------------------------


def ask_preview(
    client: Client, to: Connector, sets: Any, sample: Any = None, direction: str = "outbound"
) -> dict[str, Any]:
    ask = {"sets": sets, "direction": direction, "target_object": "", "sample": sample or {"value": "built_in"}}
    answer = post(client, to, "preview", ask)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_note_that_no_row_fills_is_told_on_the_whole_page(olga: Client, to: Connector) -> None:
    def told(sets: Any) -> list[dict[str, Any]]:
        answer = post(olga, to, "preview", {"sets": sets, "set": 0, "sample": {"kind": "sample"}}).json()
        return [finding for finding in answer["findings"] if "no note is sent" in finding["sentence"]]

    assert told(only(row())) == []
    EventTrigger.objects.create(connector=to, event_type="FN_WO_MESSAGE_ADDED", action="create", target_object="note")
    assert told(only(row())) == [
        {
            "at": "",
            "sentence": "Message added makes a note, and the list Outbound: Note has no row, so no note is sent. Add a "
            "row there, or untick the action under Event Triggers.",
            "severity": "warning",
        }
    ]
    assert told(only(row("body"), target_object="note")) == []


def test_the_preview_shows_results_findings_and_the_whole_object(olga: Client, to: Connector) -> None:
    found = ask_preview(olga, to, only(row("subject"), row("bad", source="titel")))
    assert json.loads(found["object"]) == {"subject": "Swap failed edge switch"}
    assert found["results"]["k-bad"]["left_out"] is True
    assert [finding["at"] for finding in found["findings"]] == ["k-bad"]
    assert found["seen"]["contacts[0].email"] == "kim@example.test"
    assert FieldMapping.objects.count() == 2


def test_a_real_event_is_previewed_as_the_worker_would_see_it(olga: Client, to: Connector) -> None:
    event = world.event(to.company)
    RecordLink.objects.create(connector=to, work_order_id=1001, external_id="T-9")
    sample = {"value": f"event:{event.pk}"}
    found = ask_preview(olga, to, only(row("link", source="correlation_id")), sample)
    assert found["results"]["k-link"]["result"] == '"T-9"'


def test_an_event_of_another_company_is_no_sample(olga: Client, to: Connector) -> None:
    foreign = world.event(world.company("Other Co"))
    found = ask_preview(olga, to, only(row()), {"value": f"event:{foreign.pk}"})
    assert found["sample_problem"] == "This sample is not there any more. Choose another one."
    assert str(foreign.pk) not in str(state(olga, to)["samples"])


def test_pasted_json_may_be_a_whole_event_or_only_its_work_order(olga: Client, to: Connector) -> None:
    for body in ({"workorder": {"id": 5, "title": "Mine"}}, {"id": 5, "title": "Mine"}):
        found = ask_preview(olga, to, only(row()), {"value": "pasted", "text": json.dumps(body)})
        assert found["results"]["k-extra"]["result"] == '"Mine"'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Paste the JSON of an event or a record."),
        ("{", "The sample is no JSON (line 1: Expecting property name enclosed in double quotes)."),
        ("[1]", "The sample must be one JSON object: { … }."),
        ("x" * 300_000, "The sample is longer than 256 KiB. Shorten it."),
        ("[" * 100_000, "The sample is no JSON."),
    ],
    ids=["empty", "broken", "a list", "too long", "too deep"],
)
def test_a_pasted_sample_that_cannot_be_read_is_told(olga: Client, to: Connector, text: str, sentence: str) -> None:
    found = ask_preview(olga, to, only(row(source="titel")), {"value": "pasted", "text": text})
    assert found["sample_problem"] == sentence
    assert found["results"] == {}
    assert len(found["findings"]) == 1  # the rows are checked all the same


@pytest.mark.parametrize("sample", [5, {"value": 7}, {"value": "event:no"}, {"value": "call:1"}, {"value": "call:9"}])
def test_a_strange_sample_is_told(olga: Client, to: Connector, sample: Any) -> None:
    assert ask_preview(olga, to, only(row()), sample)["sample_problem"]
    assert ask_preview(olga, to, only(row("title"), direction="inbound"), sample, "inbound")["sample_problem"]


def test_a_record_that_was_read_before_is_an_inbound_sample(olga: Client, to: Connector) -> None:
    log = world.log(world.delivery(to, external_id="T-1"), direction="inbound")
    kept = world.call(log, purpose="read record", status=200, response_body='{"subject": "From there"}')
    world.call(log, purpose="read record", status=200, response_body='{"cut')
    offered = state(olga, to)["samples"]["inbound"]
    assert [one["value"] for one in offered] == [f"call:{kept.pk}", "examples", "pasted"]
    sets = only(row("title", source="subject"), direction="inbound")
    found = ask_preview(olga, to, sets, {"value": f"call:{kept.pk}"}, "inbound")
    assert found["results"]["k-title"]["result"] == '"From there"'


def test_example_values_of_the_fields_make_an_inbound_sample(olga: Client, to: Connector) -> None:
    discovered(to, {"path": "site.city", "type": "text", "sample": "Denver"},
               {"path": "state", "type": "text", "choices": [["open", "Open"]]})  # fmt: skip
    sets = only(row("title", source="site.city"), direction="inbound")
    found = ask_preview(olga, to, sets, {"value": "examples"}, "inbound")
    assert json.loads(found["input"]) == {"site": {"city": "Denver"}, "state": "open"}
    assert found["results"]["k-title"]["result"] == '"Denver"'


def test_only_the_newest_events_are_offered(olga: Client, to: Connector) -> None:
    for number in range(25):
        world.event(to.company, 5000 + number)
    offered = state(olga, to)["samples"]["outbound"]
    assert len([one for one in offered if one["value"].startswith("event:")]) == 20
    assert Event.objects.count() == 25


# --- Other acts -------------------------------------------------------------------------------------------------------


def test_export_and_import_answer_without_storing(olga: Client, to: Connector) -> None:
    text = post(olga, to, "export_rows", {"sets": only(row("a", is_enabled=False))}).json()["text"]
    assert json.loads(text) == [{"action": "sync", "source": "title", "target": "a", "is_enabled": False}]
    ask = {"text": text, "direction": "outbound", "target_object": ""}
    [taken] = post(olga, to, "import_rows", ask).json()["rows"]
    assert (taken["target"], taken["is_enabled"]) == ("a", False)
    assert problems(post(olga, to, "import_rows", {**ask, "text": "{"}))
    assert FieldMapping.objects.count() == 2


def test_suggestions_leave_out_targets_that_are_filled(olga: Client, to: Connector) -> None:
    ask = {"direction": "outbound", "target_object": "", "taken": ["subject"]}
    assert problems(post(olga, to, "suggest", ask)) == [
        ("suggest", "No fields of the external system are known yet. Press Refresh fields.")
    ]
    discovered(to, {"path": "subject", "type": "text"}, {"path": "city", "type": "text"})
    found = post(olga, to, "suggest", ask).json()["rows"]
    assert [(one["source"], one["target"]) for one in found] == [("location.city", "city")]


def test_a_script_is_checked_with_its_line(olga: Client, to: Connector) -> None:
    assert post(olga, to, "check_script", {"script": "1 + 1", "name": "x"}).json() == {"line": "", "sentence": ""}
    assert post(olga, to, "check_script", {"script": "1 +\n(", "name": "x"}).json()["line"] == 2


def test_a_record_is_read_now_and_a_failure_is_told(olga: Client, to: Connector, monkeypatch: Any) -> None:
    class System:
        def read(self, external_id: str) -> dict[str, Any]:
            return {"id": external_id}

    monkeypatch.setattr("connectors.access.open_external", lambda **how: System())
    assert post(olga, to, "read_record", {"external_id": " T-1 "}).json() == {"text": '{\n  "id": "T-1"\n}'}
    assert problems(post(olga, to, "read_record", {"external_id": " "})) == [("sample", "Enter the id of the record.")]
    monkeypatch.undo()
    Connector.objects.filter(pk=to.pk).update(platform="gone")
    assert post(olga, to, "read_record", {"external_id": "T-1"}).json()["error"]
