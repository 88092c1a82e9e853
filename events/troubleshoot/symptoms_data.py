"""Symptoms: first look, sign-in, triggers and webhooks, events, speed."""

from __future__ import annotations

from typing import Final

from .symptom import Symptom

FIRST_LOOK: Final = (
    Symptom(
        slug="nothing-syncs",
        title="Nothing syncs",
        steps=(
            "Look at the overview: are workers alive, is a connector held or its breaker open, is a drain on?",
            "Has anything come in lately? If not, look at the webhook in Field Nation, or at the sender's rule, and "
            "call it once by hand.",
            "Test the connection: right instance, valid credentials, the rights that are needed.",
            "Look at the logs at the time when it should have come: not ticked, filtered, not linked?",
            "Try one simple record that meets every condition, and ask the troubleshooter about it.",
        ),
        codes=(
            "not_received",
            "webhook_off",
            "no_worker",
            "draining",
            "company_off",
            "connector_paused",
            "connector_disabled",
            "no_connector",
            "connector_held",
            "breaker_open",
            "not_ticked",
            "not_sent",
            "needs_operator",
            "configuration",
            "waiting_configuration",
        ),
        places=("overview", "company", "trigger_url", "settings", "triggers", "states", "logs"),
    ),
    Symptom(
        slug="some-fields-only",
        title="Only some fields are synced",
        steps=(
            "Is there a row for the field, in this direction, and is it on?",
            "Is its source in the payload? The log shows each row with its source value and its result.",
            "May the account read and write the field? Custom fields often need a right of their own.",
            "Try the row on the real value on the Field Mappings page.",
            "Was a default used, did no entry fit, or did the row leave a filled field alone?",
        ),
        codes=(
            "some_fields",
            "no_change",
            "unchanged",
            "filled_already",
            "kept_external",
            "kept_field_nation",
            "waiting_auth",
        ),
        places=("mappings", "settings", "logs"),
    ),
    Symptom(
        slug="errors-in-the-log",
        title="There are errors in the log",
        steps=(
            "Which class is it: credentials, values, a script, or the system itself? Its page says what to do.",
            "Which call failed, and what was sent? The timeline of the delivery shows both.",
            "Does it happen always or now and then, for one record or for all?",
            "Mend it, retry one, watch it, then retry the rest.",
        ),
        codes=(
            "error",
            "api",
            "rejected",
            "not_found",
            "unavailable",
            "outcome_unknown",
            "dead",
            "waiting_bug",
            "bug",
        ),
        places=("logs", "dead_letters"),
    ),
    Symptom(
        slug="slow",
        title="Everything is slow",
        steps=(
            "How deep is the queue, and how old is the oldest? Is it one connector or all?",
            "How long do the calls to its system take? Their times stand in the log.",
            "Is a limit used up, the breaker open, or does the system ask for fewer calls?",
            "Are scripts heavy, or rows mapped and events ticked that nobody needs? Take them out.",
            "Start more workers when all connectors are slow and the machines have room.",
        ),
        codes=("breaker_open", "unavailable"),
        places=("overview", "states", "logs", "settings", "mappings", "triggers"),
        asks=False,
    ),
    Symptom(
        slug="work-orders-not-created",
        title="Work orders are not created",
        steps=(
            "Does the trigger fire? Its calls stand on the Trigger URL page.",
            "Are the credentials valid on both sides? Test the connection of the company and of the connector.",
            "Do inbound rows fill what a new work order needs?",
            "Does the queue move, and is the external system reachable, so that the record can be read?",
        ),
        codes=(
            "not_received",
            "trigger_no_id",
            "trigger_unreadable",
            "resync_unread",
            "validation",
            "authentication",
            "held_auth",
        ),
        places=("trigger_url", "company", "settings", "mappings", "lanes"),
    ),
    Symptom(
        slug="updates-not-returning",
        title="Updates do not come back to the external system",
        steps=(
            "Is the event ticked that tells this change?",
            "Are there outbound rows for the fields?",
            "Is the work order linked to a record?",
            "May the account write there, and is it within its limits?",
        ),
        codes=("not_ticked", "not_linked", "nothing_mapped", "waiting_auth", "rate_limited"),
        places=("triggers", "mappings", "links", "settings", "states"),
    ),
    Symptom(
        slug="high-error-rate",
        title="Many deliveries fail",
        steps=(
            "Group them by cause under Dead Letters: mostly it is one.",
            "Is the system up? Have its credentials run out?",
            "Was the configuration changed just before? Compare the versions.",
            "Is the network between them sound?",
        ),
        codes=("unavailable", "not_sent", "breaker_open", "dead_exhausted", "authentication", "validation"),
        places=("dead_letters", "states", "settings", "mappings", "history"),
        asks=False,
    ),
)

SIGN_IN: Final = (
    Symptom(
        slug="refused-401",
        title="401 on every attempt",
        steps=(
            "Try the user and password, or the key, outside the broker.",
            "Is the account active, and is it of this environment?",
            "Enter the new credentials (with OAuth, authorise again), test the connection, then resume the connector.",
        ),
        codes=("held_auth", "authentication", "connector_held"),
        places=("settings", "company", "states"),
        asks=False,
    ),
    Symptom(
        slug="refused-403",
        title="Signed in, but calls are refused (403)",
        steps=(
            "Which call is refused? Its log names it, and mostly the missing right.",
            "Grant the role, have the broker's address allowed, or switch API access on.",
            "Retry the deliveries that wait.",
        ),
        codes=("waiting_auth",),
        places=("settings", "company", "lanes"),
    ),
    Symptom(
        slug="worked-then-stopped",
        title="It worked, and then it stopped",
        steps=(
            "Was a password changed, or the OAuth application, its id, its secret or its token address?",
            "Authorise again, test the connection, resume.",
            "Was the configuration changed at that time? Compare the versions.",
        ),
        codes=("held_auth", "authentication"),
        places=("settings", "company", "states", "history"),
        asks=False,
    ),
    Symptom(
        slug="expires-after-a-while",
        title="The credentials expire again and again",
        steps=(
            "Which policy lets the password run out?",
            "Use a service account that is exempt from it, or renew it in time.",
        ),
        codes=("held_auth", "authentication"),
        places=("settings", "company", "states"),
        asks=False,
    ),
    Symptom(
        slug="test-fails",
        title="The test of the connection fails",
        steps=(
            "Read the sentence: it says what was tried and what to change.",
            "Is it the address of the right environment, with https, and without a path that belongs elsewhere?",
            "Are the credentials in the form that this platform wants?",
        ),
        codes=("authentication", "configuration", "waiting_configuration", "not_sent", "waiting_auth", "unavailable"),
        places=("settings", "company"),
        asks=False,
    ),
)

WEBHOOKS: Final = (
    Symptom(
        slug="webhook-not-firing",
        title="The webhook does not fire",
        steps=(
            "Does it exist, is it active, and was its condition met?",
            "Compare its address with the one that stands here, sign by sign.",
            "Fire it by hand, and look at the answers in its own log: 401 is a wrong token or signature.",
            "Does a firewall let the sender through to the broker?",
        ),
        codes=(
            "not_received",
            "webhook_off",
            "trigger_no_id",
            "trigger_unreadable",
            "trigger_too_large",
            "trigger_too_often",
            "trigger_no_platform",
        ),
        places=("trigger_url", "company", "jobs"),
    ),
    Symptom(
        slug="webhook-times-out",
        title="The webhook times out at the sender",
        steps=(
            "The broker answers before it does the work, so look for what stands between: a proxy, the network, a "
            "database that is away.",
            "A repeat does no harm: it is recognised, or merged into the trigger that still waits.",
            "Use Catch up on webhooks for those that never came through.",
        ),
        codes=("not_received", "duplicate", "merged"),
        places=("jobs", "overview"),
        asks=False,
    ),
    Symptom(
        slug="several-work-orders",
        title="Several work orders or records for one",
        steps=(
            "Did the trigger come several times? Repeats and merged triggers stand in the log.",
            "Look at the record link: one record belongs to one work order.",
            "Was a create left without an answer, and then made again by hand?",
            "Does another connector, or a person, create them as well?",
            "Let the rule there fire once for each record.",
        ),
        codes=(
            "duplicate",
            "merged",
            "outcome_unknown",
            "waiting_outcome_unknown",
            "create_unknown",
            "note_unknown",
            "postponed",
            "postponed_inbound",
        ),
        places=("links", "trigger_url", "logs"),
    ),
    Symptom(
        slug="sync-loop",
        title="A record is synced back and forth",
        steps=(
            "Does the rule in the external system fire on the broker's own writes? Limit it to one control field.",
            "Do two mappings contradict each other? The Field Mappings page says so.",
            "The broker stops a record that goes back and forth too often, and tells it.",
        ),
        codes=("waiting_loop", "loop_suspected", "loop", "no_change"),
        places=("mappings", "trigger_url", "lanes"),
    ),
)

EVENTS: Final = (
    Symptom(
        slug="event-does-not-trigger",
        title="An event does not trigger",
        steps=(
            "Was the event received at all?",
            "Is it ticked for this connector?",
            "Did the status really change, or was the event only sent again?",
            "Is the connector paused or disabled?",
            "Did the filter leave the work order out?",
        ),
        codes=(
            "not_ticked",
            "filtered",
            "connector_paused",
            "connector_disabled",
            "no_broker_event",
            "unknown_webhook_event",
            "script_skipped",
            "trigger_gone",
        ),
        places=("triggers", "settings", "events", "logs"),
    ),
    Symptom(
        slug="event-repeats",
        title="An event triggers again and again",
        steps=(
            "Some events repeat by nature: one for each provider, one for each check-in.",
            "Is the webhook set up twice?",
            "Repeats of the same event are recognised, and the same values are not written twice.",
        ),
        codes=("duplicate", "merged", "no_change", "unchanged", "superseded"),
        places=("events", "company", "triggers"),
    ),
    Symptom(
        slug="record-not-updated",
        title="The external record is not updated",
        steps=(
            "Is the work order linked to the record that you look at?",
            "Is the way free, or does an earlier delivery stand before it?",
            "Are there outbound rows for the fields?",
            "Read the call and its answer in the log.",
        ),
        codes=(
            "not_linked",
            "lane_blocked",
            "lane_held",
            "nothing_mapped",
            "not_found",
            "conflict",
            "waiting_conflict",
            "both_changed",
            "stale",
            "stopped",
        ),
        places=("links", "lanes", "mappings", "settings", "logs"),
    ),
)

SPEED: Final = (
    Symptom(
        slug="deep-queue",
        title="The queue is deep",
        steps=(
            "Are workers alive, and is no drain on?",
            "Which connector fills it? Measure how long its system takes.",
            "Untick events that nobody needs, and choose “Newest state only” where it is offered.",
            "Simplify scripts; start more workers.",
        ),
        codes=("no_worker", "draining", "own_limit"),
        places=("overview", "states", "settings", "triggers", "mappings"),
        asks=False,
    ),
    Symptom(
        slug="too-many-calls",
        title="The platform answers 429",
        steps=(
            "How many calls a minute does it allow, per account or per user?",
            "Set the limit of the connector a little below that.",
            "Sync less: fewer events, “Newest state only”, filters.",
            "Ask the platform for a higher limit.",
        ),
        codes=("rate_limited",),
        places=("settings", "states", "triggers"),
        asks=False,
    ),
    Symptom(
        slug="slow-sync",
        title="A single sync takes long",
        steps=(
            "When did it come in, when was it sent, and how long did each call take? The timeline shows it.",
            "Was it repeated, or did it wait in line behind an earlier delivery?",
            "Try it with few rows, to see whether a script is slow.",
        ),
        codes=("lane_blocked", "retry_planned", "rate_limited", "own_limit", "attempt_interrupted", "lease_lost"),
        places=("lanes", "logs", "mappings"),
    ),
)
