"""Every symptom with what brings it about, where a person sees it, what they read there, and where it is mended.

The texts and addresses are written out, so that a page that says or links something else is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.flows.conftest import World
from tests.troubleshoot import cases

from . import symptom_causes as causes

Look = Literal[
    "delivery", "delivery without a reason", "mapped rows", "logs", "logs and event", "trigger url", "overview"
]

PAGES: Final = {
    "Overview": ("/admin/", "Overview"),
    "Settings and credentials": ("/admin/connectors/connector/{connector}/change/", "Help Desk | Change connector"),
    "Event Triggers": ("/admin/connectors/connector/{connector}/events/", "Event Triggers | Help Desk"),
    "Field Mappings": ("/admin/connectors/connector/{connector}/mappings/", "Field Mappings | Help Desk"),
    "Trigger URL": ("/admin/connectors/connector/{connector}/trigger/", "Trigger URL | Help Desk"),
    "Configuration versions": ("/admin/connectors/connector/{connector}/versions/", "History | Help Desk"),
    "Field Nation account": ("/admin/connectors/company/{company}/change/", "Sandbox company | Change company"),
    "Connector state": (
        "/admin/connectors/connectorstate/?connector__id__exact={connector}",
        "Select connector state to view",
    ),
    "Record Links": (
        "/admin/mappings/recordlink/?connector__id__exact={connector}",
        "Select record link to change",
    ),
    "Blocked Lanes": ("/admin/events/lane/?connector__id__exact={connector}", "Lanes, the longest standing first"),
    "Dead Letters": ("/admin/events/delivery/dead-letters/", "Dead letters"),
    "Events": ("/admin/events/event/", "Select event to view"),
    "Jobs: resync and catch-up": ("/admin/events/job/", "Select job to view"),
    "Integration Logs": ("/admin/synclog/synclog/?connector={connector}", "Integration Logs"),
}
"""Address and title of the page that each link must lead to."""

COMPLETE, TAKEN = "Are all required fields filled?", "Did the target take it?"
VALUES, FIRST_TIME = "Did every field get its own value?", "Did it come for the first time?"
CREDENTIALS, HELD = "Are the credentials valid?", "Is the connector free of a hold?"
RAN, LANE, LIMITS = (
    "Did mappings and scripts run?",
    "Is the way free for this record?",
    "Is it within the limits of calls?",
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """``told`` is read on the page where a person ``looks``, and ``code`` is the error page that it leads to.

    ``step`` is the beginning of the symptom's first step, ``fixes`` are its links. The troubleshooter fails first at
    ``check`` (``aside``: it is in step all the same, and this is told beside), says ``says`` and links to ``fix``;
    ``press`` is the button that has to be pressed for it.
    """

    slug: str
    cause: Callable[[World], object]
    looks: Look = "delivery"
    told: str
    code: str
    step: str
    fixes: tuple[str, ...]
    check: str
    says: str
    fix: str
    press: str = ""
    aside: bool = False

    @property
    def name(self) -> str:
        return f"{self.slug}, {self.cause.__name__}"


SETTINGS, TRIGGERS, MAPPINGS, URL = "Settings and credentials", "Event Triggers", "Field Mappings", "Trigger URL"
STATES, ACCOUNT, LOGS, DEAD = "Connector state", "Field Nation account", "Integration Logs", "Dead Letters"
LANES, LINKS, HISTORY, JOBS = "Blocked Lanes", "Record Links", "Configuration versions", "Jobs: resync and catch-up"

FIRST_LOOK: Final = (
    Scenario(
        slug="nothing-syncs",
        cause=cases.the_connector_is_paused,
        looks="delivery without a reason",
        told="It waits: the connector is paused.",
        code="connector_paused",
        step="Look at the overview: are workers alive",
        fixes=("Overview", ACCOUNT, URL, SETTINGS, TRIGGERS, STATES, LOGS),
        check="Is the connector active?",
        says="Help Desk is paused. This delivery is kept",
        fix=SETTINGS,
    ),
    Scenario(
        slug="some-fields-only",
        cause=causes.a_field_of_the_event_is_missing,
        looks="mapped rows",
        told="schedule.service_window.start.utc is missing and there is no default",
        code="some_fields",
        step="Is there a row for the field, in this direction, and is it on?",
        fixes=(MAPPINGS, SETTINGS, LOGS),
        check=VALUES,
        says="1 of 8 rows found no value of their own.",
        fix=MAPPINGS,
        aside=True,
    ),
    Scenario(
        slug="errors-in-the-log",
        cause=cases.the_method_is_not_allowed,
        looks="logs",
        told="127.0.0.1 refused the call (405)",
        code="rejected",
        step="Which class is it: credentials, values, a script, or the system itself?",
        fixes=(LOGS, DEAD),
        check=TAKEN,
        says="127.0.0.1 refused the call (405)",
        fix=SETTINGS,
    ),
    Scenario(
        slug="slow",
        cause=cases.the_breaker_opens,
        looks="delivery without a reason",
        told="127.0.0.1 cannot serve now (503)",
        code="breaker_open",
        step="How deep is the queue, and how old is the oldest?",
        fixes=("Overview", STATES, LOGS, SETTINGS, MAPPINGS, TRIGGERS),
        check="Does the external system answer?",
        says="Help Desk failed several times in a row, so its deliveries wait.",
        fix=STATES,
    ),
    Scenario(
        slug="work-orders-not-created",
        cause=causes.a_new_work_order_lacks_its_title,
        told="A work order needs a title: map or set “title”.",
        code="validation",
        step="Does the trigger fire?",
        fixes=(URL, ACCOUNT, SETTINGS, MAPPINGS, LANES),
        check=COMPLETE,
        says="No row fills what Field Nation wants before it publishes a new work order: title",
        fix=MAPPINGS,
    ),
    Scenario(
        slug="work-orders-not-created",
        cause=cases.the_trigger_named_no_record,
        looks="trigger url",
        told="No record id was found.",
        code="trigger_no_id",
        step="Does the trigger fire?",
        fixes=(URL, ACCOUNT, SETTINGS, MAPPINGS, LANES),
        check="Did the door let every call in?",
        says="A call of the trigger URL was refused: No record id was found.",
        fix=URL,
    ),
    Scenario(
        slug="updates-not-returning",
        cause=causes.the_event_that_tells_the_update_is_not_ticked,
        looks="logs",
        told="FN_WO_PUBLISHED is not ticked on the Event Triggers page of Help Desk.",
        code="not_ticked",
        step="Is the event ticked that tells this change?",
        fixes=(TRIGGERS, MAPPINGS, LINKS, SETTINGS, STATES),
        check="Is the event ticked?",
        says="FN_WO_PUBLISHED is not ticked on the Event Triggers page of Help Desk.",
        fix=TRIGGERS,
    ),
    Scenario(
        slug="high-error-rate",
        cause=causes.everything_is_given_up,
        told="Given up after 1 attempts: 127.0.0.1 cannot serve now (503)",
        code="unavailable",
        step="Group them by cause under Dead Letters",
        fixes=(DEAD, STATES, SETTINGS, MAPPINGS, HISTORY),
        check=TAKEN,
        says="Given up after 1 attempts: 127.0.0.1 cannot serve now (503)",
        fix=DEAD,
    ),
)

SIGN_IN: Final = (
    Scenario(
        slug="refused-401",
        cause=cases.the_credentials_are_wrong,
        told="127.0.0.1 refused the credentials (401): The credentials are wrong, expired or revoked.",
        code="held_auth",
        step="Try the user and password, or the key, outside the broker.",
        fixes=(SETTINGS, ACCOUNT, STATES),
        check=HELD,
        says="127.0.0.1 refused the credentials (401)",
        fix=SETTINGS,
    ),
    Scenario(
        slug="refused-403",
        cause=cases.the_right_is_missing,
        told="127.0.0.1 refused the rights (403): Role missing.",
        code="waiting_auth",
        step="Which call is refused?",
        fixes=(SETTINGS, ACCOUNT, LANES),
        check=CREDENTIALS,
        says="127.0.0.1 refused the rights (403): Role missing.",
        fix=SETTINGS,
    ),
    Scenario(
        slug="worked-then-stopped",
        cause=causes.field_nation_does_not_let_us_in_any_more,
        told="Field Nation refused the sign-in",
        code="held_auth",
        step="Was a password changed, or the OAuth application",
        fixes=(SETTINGS, ACCOUNT, STATES, HISTORY),
        check=HELD,
        says="Field Nation refused the sign-in",
        fix=ACCOUNT,
    ),
    Scenario(
        slug="expires-after-a-while",
        cause=causes.the_password_runs_out_a_second_time,
        told="127.0.0.1 refused the credentials (401): The password has expired.",
        code="held_auth",
        step="Which policy lets the password run out?",
        fixes=(SETTINGS, ACCOUNT, STATES),
        check=HELD,
        says="The password has expired.",
        fix=SETTINGS,
    ),
    Scenario(
        slug="test-fails",
        cause=cases.the_system_is_not_reached,
        told="127.0.0.1 refused the connection. Check host and port",
        code="not_sent",
        step="Read the sentence: it says what was tried and what to change.",
        fixes=(SETTINGS, ACCOUNT),
        check=CREDENTIALS,
        says="127.0.0.1 refused the connection.",
        fix=SETTINGS,
        press="Test the connection",
    ),
)

DATA: Final = (
    Scenario(
        slug="required-field-missing",
        cause=cases.a_required_field_is_missing,
        told="subject: Required field.",
        code="validation",
        step="Find the field in the answer, then in the mapping",
        fixes=(MAPPINGS, DEAD),
        check=TAKEN,
        says="subject: Required field.",
        fix=MAPPINGS,
    ),
    Scenario(
        slug="invalid-value",
        cause=causes.a_date_goes_out_in_another_form,
        told="scheduled_start: Must be a date and time with zone",
        code="validation",
        step="Which type and form does the target want?",
        fixes=(MAPPINGS, DEAD),
        check=TAKEN,
        says="scheduled_start: Must be a date and time with zone",
        fix=MAPPINGS,
    ),
    Scenario(
        slug="invalid-option",
        cause=causes.the_list_has_a_misspelled_choice,
        told="status: Must be one of New, Open, Scheduled",
        code="validation",
        step="Press Refresh fields: the list may have changed.",
        fixes=(MAPPINGS, SETTINGS, DEAD),
        check=TAKEN,
        says="status: Must be one of New, Open, Scheduled",
        fix=MAPPINGS,
    ),
    Scenario(
        slug="field-not-filled",
        cause=causes.a_path_leads_nowhere,
        looks="mapped rows",
        told="pay.ammount is missing and there is no default",
        code="some_fields",
        step="Trace it in the log: source value, action, result.",
        fixes=(MAPPINGS, SETTINGS, LOGS),
        check=VALUES,
        says="amount was left out, because pay.ammount is missing",
        fix=MAPPINGS,
        aside=True,
    ),
    Scenario(
        slug="array-map-misses",
        cause=causes.a_status_has_no_entry,
        looks="mapped rows",
        told="The default was used.",
        code="some_fields",
        step="Compare the real value in the log with the entries",
        fixes=(MAPPINGS,),
        check=VALUES,
        says="the default was used",
        fix=MAPPINGS,
        aside=True,
    ),
    Scenario(
        slug="type-mismatch",
        cause=causes.a_number_goes_into_a_text,
        told="technician: Must be a text.",
        code="validation",
        step="Sync copies as it is.",
        fixes=(MAPPINGS, DEAD),
        check=TAKEN,
        says="technician: Must be a text.",
        fix=MAPPINGS,
    ),
)

DOORS: Final = (
    Scenario(
        slug="webhook-not-firing",
        cause=causes.the_webhook_is_off,
        looks="overview",
        told="0 events received",
        code="webhook_off",
        step="Does it exist, is it active, and was its condition met?",
        fixes=(URL, ACCOUNT, JOBS),
        check="Does Field Nation's webhook bring this event?",
        says="is not active in Field Nation (it is inactive)",
        fix=ACCOUNT,
        press="Ask Field Nation about its webhook",
    ),
    Scenario(
        slug="webhook-times-out",
        cause=causes.the_sender_does_not_wait_for_the_answer,
        looks="logs and event",
        told="this is a repeat of event",
        code="duplicate",
        step="The broker answers before it does the work",
        fixes=(JOBS, "Overview"),
        check=FIRST_TIME,
        says="It came again once, and the repeats were not done a second time.",
        fix=ACCOUNT,
        aside=True,
    ),
    Scenario(
        slug="several-work-orders",
        cause=cases.an_earlier_trigger_waits,
        looks="logs",
        told="still waits for the same record",
        code="merged",
        step="Did the trigger come several times?",
        fixes=(LINKS, URL, LOGS),
        check=FIRST_TIME,
        says="still waits for the same record",
        fix=LANES,
    ),
    Scenario(
        slug="several-work-orders",
        cause=cases.the_answer_is_lost_and_cannot_be_looked_up,
        told="Look there for FN-4410027",
        code="waiting_outcome_unknown",
        step="Did the trigger come several times?",
        fixes=(LINKS, URL, LOGS),
        check="Is it free of a question that a person must answer?",
        says="Look there for FN-4410027",
        fix="Deliveries",
    ),
    Scenario(
        slug="sync-loop",
        cause=cases.it_goes_back_and_forth,
        told="3 times within an hour",
        code="waiting_loop",
        step="Does the rule in the external system fire on the broker's own writes?",
        fixes=(MAPPINGS, URL, LANES),
        check="Is it free of a question that a person must answer?",
        says="3 times within an hour",
        fix="Deliveries",
    ),
)

EVENTS: Final = (
    Scenario(
        slug="event-does-not-trigger",
        cause=cases.the_filter_leaves_it_out,
        looks="logs",
        told='status.name is "assigned"; asked for: equals "draft"',
        code="filtered",
        step="Was the event received at all?",
        fixes=(TRIGGERS, SETTINGS, "Events", LOGS),
        check="Did the filter let it through?",
        says='status.name is "assigned"; asked for: equals "draft"',
        fix=TRIGGERS,
    ),
    Scenario(
        slug="event-repeats",
        cause=causes.the_event_comes_twice,
        looks="logs and event",
        told="this is a repeat of event",
        code="duplicate",
        step="Some events repeat by nature",
        fixes=("Events", ACCOUNT, TRIGGERS),
        check=FIRST_TIME,
        says="It came again once, and the repeats were not done a second time.",
        fix=ACCOUNT,
        aside=True,
    ),
    Scenario(
        slug="record-not-updated",
        cause=cases.it_is_not_linked,
        told="is not linked to a record of Help Desk",
        code="not_linked",
        step="Is the work order linked to the record that you look at?",
        fixes=(LINKS, LANES, MAPPINGS, SETTINGS, LOGS),
        check="Is there a record to write to?",
        says="is not linked to a record of Help Desk",
        fix=LINKS,
    ),
)

ROWS_AND_SPEED: Final = (
    Scenario(
        slug="script-fails",
        cause=cases.a_script_fails,
        told="description",
        code="transformation",
        step="The log names the line.",
        fixes=(MAPPINGS, TRIGGERS, DEAD),
        check=RAN,
        says="description",
        fix=MAPPINGS,
    ),
    Scenario(
        slug="nested-field-default",
        cause=causes.a_list_is_read_without_its_index,
        looks="mapped rows",
        told="The default was used.",
        code="some_fields",
        step="Is the field in this event at all?",
        fixes=(MAPPINGS, "Events"),
        check=VALUES,
        says="the default was used",
        fix=MAPPINGS,
        aside=True,
    ),
    Scenario(
        slug="date-wrong",
        cause=causes.a_date_has_another_form_than_its_row_says,
        told='"2026-07-02 14:00:00" does not fit the date format MM/DD/YYYY.',
        code="transformation",
        step="Compare a real value with the input format",
        fixes=(MAPPINGS, "Events"),
        check=RAN,
        says='"2026-07-02 14:00:00" does not fit the date format MM/DD/YYYY.',
        fix=MAPPINGS,
    ),
    Scenario(
        slug="deep-queue",
        cause=causes.the_queue_grows_and_nobody_works,
        looks="overview",
        told="the oldest is",
        code="no_worker",
        step="Are workers alive, and is no drain on?",
        fixes=("Overview", STATES, SETTINGS, TRIGGERS, MAPPINGS),
        check="Is a worker at work?",
        says="No worker is alive; the last one reported at",
        fix="Overview",
    ),
    Scenario(
        slug="too-many-calls",
        cause=cases.too_many_calls,
        told="127.0.0.1 asks for fewer calls (429)",
        code="rate_limited",
        step="How many calls a minute does it allow",
        fixes=(SETTINGS, STATES, TRIGGERS),
        check=LIMITS,
        says="Help Desk asked us to wait until",
        fix=SETTINGS,
    ),
    Scenario(
        slug="slow-sync",
        cause=cases.an_earlier_delivery_stands_before_it,
        looks="delivery without a reason",
        told="It waits for its turn.",
        code="lane_blocked",
        step="When did it come in, when was it sent",
        fixes=(LANES, LOGS, MAPPINGS),
        check=LANE,
        says="An earlier delivery of this record stands before it (waiting)",
        fix=LANES,
    ),
)

SCENARIOS: Final = (*FIRST_LOOK, *SIGN_IN, *DATA, *DOORS, *EVENTS, *ROWS_AND_SPEED)
