from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import BrokerError, InvalidRecord, NotFound, OutcomeUnknown, RateLimited, Unavailable
from connectors.fieldnation.apply import apply, work_order_id_of
from connectors.fieldnation.client import Credentials, FieldNation
from connectors.fieldnation.plan import plan_create, plan_update
from connectors.http import Caller
from connectors.tokens import MemoryTokens

from .fake_fieldnation import FakeFieldNation, Fault

WORK_ORDER = 4410001
FULL: dict[str, Any] = {
    "title": "Swap failed edge switch",
    "description": "Replace the unit,\nsend a photo.",
    "type_of_work": 76,
    "location": {"address1": "88 Mill Road", "city": "Duluth", "state": "MN", "zip": "55802", "country": "US"},
    "schedule": {"start": "2026-07-01T14:00:00Z", "end": "2026-07-01T18:00:00Z"},
    "pay": {"type": "hourly", "amount": 65, "units": 3},
    "custom_fields": {"611": "INC-20418", "Gate code": 4711},
    "contact": {"name": "Front desk", "phone": "2185550144"},
    "tags": [5],
    "message": "Please bring a ladder",
    "status": "published",
}


@pytest.fixture
def existing(client: FieldNation, fake: FakeFieldNation) -> int:
    number = apply(plan_create({"title": "T", "incident_id": "x"}, marker="m"), client).work_order_id
    fake.requests.clear()
    return number


# --- create ---


def test_create_sets_everything_and_answers_the_work_order(fake: FakeFieldNation, client: FieldNation) -> None:
    applied = apply(plan_create(FULL, marker="mark-1"), client)
    assert applied.work_order_id == WORK_ORDER
    assert applied.unapplied == ()
    assert applied.changed
    assert applied.work_order == fake.work_orders[WORK_ORDER]
    kept = fake.work_orders[WORK_ORDER]
    assert kept["incident_id"] == "mark-1"
    assert kept["status"]["name"] == "Published"
    assert kept["schedule"]["service_window"]["end"]["utc"] == "2026-07-01 18:00:00"
    assert [field["value"] for field in kept["custom_fields"]["results"][0]["results"]] == ["INC-20418", "", "4711"]
    assert [message["message"] for message in fake.threads[WORK_ORDER]] == ["Please bring a ladder"]


def test_create_makes_no_call_that_is_not_needed(fake: FakeFieldNation, client: FieldNation) -> None:
    apply(plan_create({"title": "T", "pay": {"type": "fixed", "amount": 90}}, marker="mark-1"), client)
    assert fake.calls(writes_only=False) == [("POST", "/workorders"), ("GET", f"/workorders/{WORK_ORDER}")]


def test_what_the_create_ignored_is_set_by_its_own_call(fake: FakeFieldNation, client: FieldNation) -> None:
    fake.ignored_at_create = {"schedule", "contacts"}
    applied = apply(plan_create(FULL, marker="mark-1"), client)
    assert applied.unapplied == ()
    assert fake.calls() == [
        ("POST", "/workorders"),
        ("PUT", f"/workorders/{WORK_ORDER}/schedule"),
        ("PUT", f"/workorders/{WORK_ORDER}/custom_fields/613"),
        ("POST", f"/workorders/{WORK_ORDER}/contacts"),
        ("POST", f"/workorders/{WORK_ORDER}/tags"),
        ("POST", f"/workorders/{WORK_ORDER}/messages"),
        ("POST", f"/workorders/{WORK_ORDER}/publish"),
    ]
    # Chicago is five hours behind UTC in July; the fake refuses a local time that disagrees.
    window = fake.body_of("PUT", f"/workorders/{WORK_ORDER}/schedule")["service_window"]
    assert window["start"]["local"] == {"date": "2026-07-01", "time": "09:00:00"}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/publish", RateLimited),
        ("/custom_fields/613", Unavailable),
        ("/messages", Unavailable),
        ("/tags", InvalidRecord),
    ],
)
def test_failure_after_the_create_names_the_work_order_and_the_next_attempt_goes_on_as_an_update(
    fake: FakeFieldNation, client: FieldNation, path: str, error: type[BrokerError]
) -> None:
    status = {RateLimited: 429, Unavailable: 503, InvalidRecord: 400}[error]
    method = "PUT" if path.startswith("/custom") else "POST"
    fake.faults.append(Fault(method, path, status=status, body={"message": "no"}))
    with pytest.raises(BrokerError) as raised:
        apply(plan_create(FULL, marker="mark-1"), client)
    assert type(raised.value) is error
    assert work_order_id_of(raised.value) == WORK_ORDER
    plan = plan_update({**FULL, "incident_id": "mark-1"}, client.read(WORK_ORDER, messages=True))
    assert apply(plan, client).unapplied == ()
    assert len(fake.work_orders) == 1
    assert fake.work_orders[WORK_ORDER]["status"]["name"] == "Published"
    assert len(fake.threads[WORK_ORDER]) == 1


def test_failed_create_names_no_work_order(fake: FakeFieldNation, client: FieldNation) -> None:
    fake.faults.append(Fault("POST", "/workorders", status=400, body={"message": "no"}))
    with pytest.raises(InvalidRecord) as raised:
        apply(plan_create(FULL, marker="mark-1"), client)
    assert work_order_id_of(raised.value) is None


@pytest.mark.parametrize("body", [None, {}, {"ok": True}])
def test_create_without_an_id_in_the_answer_must_be_looked_up(
    fake: FakeFieldNation, client: FieldNation, body: Any
) -> None:
    fake.faults.append(Fault("POST", "/workorders", status=201, body=body, after=True))
    with pytest.raises(OutcomeUnknown, match="mark-1"):
        apply(plan_create(FULL, marker="mark-1"), client)


def test_create_answered_with_the_id_only_is_read_before_going_on(fake: FakeFieldNation, client: FieldNation) -> None:
    fake.faults.append(Fault("POST", "/workorders", status=201, body={"id": WORK_ORDER}, after=True))
    assert apply(plan_create(FULL, marker="mark-1"), client).unapplied == ()
    assert fake.calls(writes_only=False)[:2] == [("POST", "/workorders"), ("GET", f"/workorders/{WORK_ORDER}")]


def test_unknown_custom_field_name_after_a_create_keeps_the_link(fake: FakeFieldNation, client: FieldNation) -> None:
    with pytest.raises(InvalidRecord, match="Gate kode") as raised:
        apply(plan_create({"title": "T", "custom_fields": {"Gate kode": 1}}, marker="m"), client)
    assert work_order_id_of(raised.value) == WORK_ORDER


# --- verification ---


@pytest.mark.parametrize("name", ["location", "schedule", "pay", "description", "types_of_work"])
def test_essential_member_that_vanished_is_an_error_with_the_link(
    fake: FakeFieldNation, client: FieldNation, name: str
) -> None:
    fake.ignored_always = {name}
    with pytest.raises(InvalidRecord) as raised:
        apply(plan_create({**FULL, "status": "draft"}, marker="m"), client)
    assert f"Field Nation accepted work order {WORK_ORDER} but dropped a part" in raised.value.sentence
    assert name in raised.value.sentence
    assert work_order_id_of(raised.value) == WORK_ORDER


def test_essential_member_that_vanished_from_an_update_is_an_error(fake: FakeFieldNation, client: FieldNation) -> None:
    apply(plan_create({**FULL, "status": "draft"}, marker="m"), client)
    fake.ignored_always = {"pay"}
    with pytest.raises(InvalidRecord, match=r"pay\.base\.amount should be “70” but is “65”") as raised:
        apply(plan_update({"pay": {"amount": 70}}, client.read(WORK_ORDER)), client)
    assert work_order_id_of(raised.value) == WORK_ORDER


def test_other_member_that_vanished_is_told_and_is_no_error(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    fake.ignored_always = {"client"}
    applied = apply(plan_update({"client_id": 31, "title": "New"}, client.read(existing)), client)
    assert applied.unapplied == ("client should be “31” but is empty after the update.",)
    assert applied.work_order["title"] == "New"


def test_address_that_was_rewritten_is_told_and_is_no_error(fake: FakeFieldNation, client: FieldNation) -> None:
    fake.rewrite = lambda work_order: work_order["location"].update(address1="88 Mill Rd")
    applied = apply(plan_create(FULL, marker="m"), client)
    assert applied.unapplied == ("location.address1 should be “88 Mill Road” but is “88 Mill Rd” after the update.",)


def test_address_that_keeps_its_spelling_in_an_update_is_told_and_is_no_error(
    fake: FakeFieldNation, client: FieldNation
) -> None:
    apply(plan_create(FULL, marker="m"), client)
    fake.rewrite = lambda work_order: work_order["location"].update(address1="88 Mill Road")
    applied = apply(plan_update({"location": {"address1": "88 Mill Rd"}}, client.read(WORK_ORDER)), client)
    assert applied.unapplied == ("location.address1 should be “88 Mill Rd” but is “88 Mill Road” after the update.",)


def test_notes_are_told(client: FieldNation, existing: int) -> None:
    applied = apply(plan_update({"status": "approved"}, client.read(existing)), client)
    assert not applied.changed
    assert applied.unapplied[0].startswith("The status stays Draft")


# --- update ---


def test_empty_plan_makes_no_call(fake: FakeFieldNation, client: FieldNation, existing: int) -> None:
    current = client.read(existing)
    fake.requests.clear()
    applied = apply(plan_update({"title": "T"}, current), client)
    assert (applied.work_order_id, applied.work_order, applied.changed) == (existing, current, False)
    assert fake.requests == []


def test_update_reads_once_at_the_end(fake: FakeFieldNation, client: FieldNation, existing: int) -> None:
    plan = plan_update({"title": "New", "incident_id": "INC-2", "tags": 4}, client.read(existing))
    fake.requests.clear()
    apply(plan, client)
    assert fake.calls(writes_only=False) == [
        ("PUT", f"/workorders/{existing}"),
        ("PUT", f"/workorders/{existing}/incident"),
        ("POST", f"/workorders/{existing}/tags"),
        ("GET", f"/workorders/{existing}"),
    ]


def test_message_is_not_repeated_although_the_plan_did_not_see_the_thread(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    first = apply(plan_update({"message": "Gate is open"}, client.read(existing)), client)
    again = apply(plan_update({"message": "Gate is open"}, client.read(existing)), client)
    assert (first.changed, again.changed) == (True, False)
    assert len(fake.threads[existing]) == 1


def test_message_whose_answer_was_lost_is_not_sent_twice(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    fake.faults.append(Fault("POST", "/messages", after=True, cut=True))
    with pytest.raises(OutcomeUnknown) as raised:
        apply(plan_update({"message": "Gate is open"}, client.read(existing)), client)
    assert work_order_id_of(raised.value) == existing
    apply(plan_update({"message": "Gate is open"}, client.read(existing)), client)
    assert len(fake.threads[existing]) == 1


def test_cancelling_sends_the_reason_and_is_the_last_call(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    fields = {"status": "cancelled", "cancel_reason": "Duplicate", "title": "Closed"}
    applied = apply(plan_update(fields, client.read(existing)), client)
    assert fake.calls() == [("PUT", f"/workorders/{existing}"), ("DELETE", f"/workorders/{existing}")]
    assert fake.requests[-2][2]["cancel_reason"] == "Duplicate"
    assert applied.work_order["status"]["name"] == "Cancelled"
    assert plan_update(fields, applied.work_order).is_empty


def test_cancelled_work_order_may_be_gone_from_view(fake: FakeFieldNation, client: FieldNation, existing: int) -> None:
    plan = plan_update({"status": "cancelled", "cancel_reason": "Duplicate"}, client.read(existing))
    fake.faults.append(Fault("GET", f"/{existing}", status=404))
    applied = apply(plan, client)
    assert applied.work_order["status"] == {"name": "Cancelled"}
    assert (applied.changed, applied.unapplied) == (True, ())


def test_work_order_that_vanished_otherwise_is_not_found(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    plan = plan_update({"title": "New"}, client.read(existing))
    fake.faults.append(Fault("GET", f"/{existing}", status=404))
    with pytest.raises(NotFound) as raised:
        apply(plan, client)
    assert work_order_id_of(raised.value) == existing


def test_every_status_action_reaches_its_status(fake: FakeFieldNation, client: FieldNation) -> None:
    apply(plan_create(FULL, marker="m"), client)
    ways: list[tuple[dict[str, Any], str]] = [
        ({"status": "draft"}, "Draft"),
        ({"status": "published"}, "Published"),
        ({"status": "routed", "route": {"technician": {"id": 7}}}, "Routed"),
        ({"status": "draft"}, "Draft"),
        ({"assignee": {"user": {"id": 7}}}, "Assigned"),
    ]
    for fields, name in ways:
        assert apply(plan_update(fields, client.read(WORK_ORDER)), client).work_order["status"]["name"] == name
    fake.work_orders[WORK_ORDER]["status"]["name"] = "Work Done"
    back = {"status": "assigned", "incomplete": {"reason": "No photo", "reason_id": 4}}
    assert apply(plan_update(back, client.read(WORK_ORDER)), client).work_order["status"]["name"] == "Assigned"
    fake.work_orders[WORK_ORDER]["status"]["name"] = "Work Done"
    assert (
        apply(plan_update({"status": "approved"}, client.read(WORK_ORDER)), client).work_order["status"]["name"]
        == "Approved"
    )


# --- the property that ends echoes ---

text = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=25)
line = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20)
rich = text | st.sampled_from(
    ["<p>a &amp; b</p>", "a<br>b", "1 < 2 & <port> 3", "<b>x</b>y", "&lt;p&gt;", "<!-- c --><p>d"]
)
identity = st.integers(1, 99) | st.integers(1, 99).map(str) | st.integers(1, 99).map(float)
amount = (
    st.integers(0, 10_000)
    | st.floats(0, 10_000, allow_nan=False)
    | st.decimals(0, 999, places=3).map(str)
    | st.sampled_from(["0", "65.005", "1e3", "0065"])
)
scalar = text | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
minute = st.integers(0, 500_000).map(
    lambda number: f"2026-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00"
)
when = st.builds(lambda at, zone: at + zone, minute, st.sampled_from(["", "Z", "+02:00", "-05:30", ".250Z"]))
contact = st.fixed_dictionaries(
    {"name": st.sampled_from(["Bob", "bob ", "Ann", ""])},
    optional={"phone": st.sampled_from(["218-555-0144", "(218) 5550144", ""]), "email": line, "role": st.just("Guard")},
)
fields_strategy = st.fixed_dictionaries(
    {},
    optional={
        "title": line.filter(lambda value: bool(value.split())),
        "description": rich,
        "confidential": rich,
        "types_of_work": identity | st.lists(identity, min_size=1, max_size=3),
        "client": st.fixed_dictionaries({"id": identity}),
        "manager_id": identity,
        "printable": st.booleans() | st.sampled_from(["yes", "0"]),
        "location": st.fixed_dictionaries(
            {
                "address1": line.filter(lambda value: bool(value.split())),
                "city": st.sampled_from(["Duluth", "ST. PAUL"]),
                "state": st.sampled_from(["MN", "mn"]),
                "zip": st.integers(1, 99999) | st.just("02139"),
                "country": st.sampled_from(["US", "usa", "Canada"]),
            },
            optional={"address2": text, "type_id": identity, "display_name": line},
        ),
        "schedule": st.fixed_dictionaries(
            {"start": when},
            optional={"end": minute.map(lambda at: at.replace("2026", "2027")), "mode": st.just("exact")},
        ),
        "pay": st.one_of(
            st.fixed_dictionaries({"type": st.sampled_from(["fixed", "Hourly", "per device"]), "amount": amount}),
            st.fixed_dictionaries({"type": st.just("hourly"), "amount": amount, "units": amount}),
            st.fixed_dictionaries(
                {
                    "type": st.just("blended"),
                    "base": st.fixed_dictionaries({"amount": amount, "units": amount}),
                    "additional": st.fixed_dictionaries({"amount": amount, "units": amount}),
                }
            ),
        ),
        "custom_fields": st.fixed_dictionaries({}, optional={"611": scalar, "Estimate": amount, "gate code": scalar}),
        "contacts": st.lists(contact, max_size=3),
        "tags": identity | st.lists(identity, max_size=3),
        "incident_id": line,
        "message": text,
        "status": st.sampled_from(["draft", "approved", "work_done", 3]),
        "assignee": st.fixed_dictionaries({"user": st.fixed_dictionaries({"id": identity})}),
    },
)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeFieldNation, FieldNation]]:
    with FakeFieldNation() as fake:
        credentials = Credentials(
            fake.url, "client-1", "made-up-client-secret", "api.user@example.test", "made-up-password"
        )
        yield fake, FieldNation(credentials, Caller(allow_private=True), MemoryTokens())


@given(
    first=fields_strategy,
    second=fields_strategy,
    ignored=st.sets(st.sampled_from(["schedule", "pay", "contacts", "location"])),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_planning_again_on_the_result_is_empty(
    shared: tuple[FakeFieldNation, FieldNation], first: dict[str, Any], second: dict[str, Any], ignored: set[str]
) -> None:
    fake, client = shared
    fake.ignored_at_create = ignored
    created = apply(plan_create({"title": "T", **first}, marker="mark-1"), client)
    again = plan_update({"title": "T", **first}, client.read(created.work_order_id, messages=True))
    assert again.steps == ()
    updated = apply(plan_update(second, client.read(created.work_order_id, messages=True)), client)
    again = plan_update(second, client.read(created.work_order_id, messages=True))
    assert again.steps == ()
    # An empty plan is never an error, and nothing that was wanted is missing.
    assert [note for note in (*created.unapplied, *updated.unapplied) if "after the update" in note] == []
