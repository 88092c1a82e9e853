"""Pages of what holds up whole connectors, records or the installation, and of what never came in."""

from __future__ import annotations

from typing import Final

from .entry import Entry

ENTRIES: Final = (
    Entry(
        code="not_received",
        kind="system",
        title="Nothing came in",
        meaning="No event and no trigger call about this record is stored.",
        causes=(
            "The webhook or rule does not exist, is switched off, or its condition was not met.",
            "It calls another address, or the token, key or signature is wrong: such calls are answered 401 and only "
            "counted.",
            "A firewall keeps the call away, or the broker was down for longer than the sender repeats.",
            "The id is one of another environment, or its events were pruned.",
        ),
        fixes=(
            "Look at the refused calls on the company's or the Trigger URL page: they say why the last one was.",
            "Compare the address that the sender calls with the one that stands here, sign by sign.",
            "Call it once by hand, then look at the sender's own log.",
            "Use Catch up on webhooks for what Field Nation could not deliver, Resync for single work orders.",
        ),
        places=("company", "trigger_url", "sources", "jobs"),
        symptoms=("nothing-syncs", "webhook-not-firing", "work-orders-not-created", "webhook-times-out"),
    ),
    Entry(
        code="webhook_off",
        kind="system",
        title="Field Nation's webhook is not active",
        meaning="Field Nation delivers nothing through a webhook that is not active.",
        causes=(
            "It was created inactive, or somebody switched it off.",
            "Field Nation switched it off after seven days of failed deliveries.",
            "It was deleted, or has the address of another installation.",
        ),
        fixes=("Set it active again in Field Nation, or create it.", "Then catch up on webhooks."),
        places=("company", "jobs"),
        symptoms=("nothing-syncs", "webhook-not-firing"),
    ),
    Entry(
        code="company_off",
        kind="system",
        title="The company is switched off",
        meaning="Webhooks of the account are refused, and nothing is sent for its connectors.",
        causes=("Somebody switched the company off.",),
        fixes=("Switch it on again on its page.", "Then catch up on webhooks."),
        places=("company", "jobs"),
        symptoms=("nothing-syncs",),
    ),
    Entry(
        code="draining",
        kind="system",
        title="The workers are being drained",
        meaning="Workers finish what they began and begin nothing, so that a deploy interrupts nothing. What comes in "
        "is kept.",
        causes=("A deploy is running, or was left unfinished.",),
        fixes=("End the drain: manage.py drain --end.",),
        places=("drain",),
        symptoms=("nothing-syncs", "deep-queue"),
    ),
    Entry(
        code="no_worker",
        kind="system",
        title="No worker is alive",
        meaning="What comes in is stored, and nobody sends it.",
        causes=(
            "The worker process ended or was not started.",
            "It cannot reach the database or the Celery broker.",
        ),
        fixes=("Start a worker, and beat beside it.", "Read the worker's output for the reason why it ended."),
        places=("overview",),
        symptoms=("nothing-syncs", "deep-queue"),
    ),
    Entry(
        code="breaker_open",
        kind="system",
        title="The circuit breaker is open",
        meaning="The system failed five times in a row for different records, so it is left alone for a while: 30 "
        "seconds at first, up to ten minutes. Then one delivery is tried.",
        causes=("The system is down or overloaded, or cannot be reached.",),
        fixes=("Wait: it goes on by itself.", "Press Resume to try at once when you know that it is back."),
        places=("states", "settings"),
        symptoms=("high-error-rate", "slow", "nothing-syncs"),
    ),
    Entry(
        code="own_limit",
        kind="system",
        title="The limit that is set here is used up",
        meaning="The connector makes as many calls a minute as its settings allow; the rest waits for its turn.",
        causes=("More comes in than the limit lets through.",),
        fixes=(
            "Raise calls per minute, burst or concurrent calls if the system allows more.",
            "Choose “Newest state only” for events that come often, and untick what you do not need.",
        ),
        places=("settings", "triggers"),
        symptoms=("deep-queue", "slow-sync"),
    ),
    Entry(
        code="lane_blocked",
        kind="system",
        title="An earlier delivery of the record stands before it",
        meaning="Deliveries of one record are sent in the order received, so this one waits until the first is done. "
        "Other records go on.",
        causes=("The first one waits for a person, or for its next attempt.",),
        fixes=("Open the lane and retry, decide or skip the first delivery.",),
        places=("lanes",),
        symptoms=("record-not-updated", "slow-sync"),
    ),
    Entry(
        code="lane_held",
        kind="system",
        title="A person holds the record back",
        meaning="Nothing is sent for this record until somebody releases its lane.",
        causes=("Somebody held it, for example to look at it first.",),
        fixes=("Release the lane.",),
        places=("lanes",),
        symptoms=("record-not-updated",),
    ),
    Entry(
        code="some_fields",
        kind="nothing",
        title="Some fields got no value of their own",
        meaning="The record was written, and some rows had nothing to write or fell back to their default.",
        causes=(
            "The source path is wrong, or the field is not in this event.",
            "A path into a list lacks its index, such as contacts[0].email.",
            "No entry of an Array Map fits: capitals, blanks, or a number against text.",
            "The account may not write the field.",
        ),
        fixes=(
            "Compare the path with the payload of the event.",
            "Add the missing entry to the Array Map, or a default.",
            "Press Refresh fields, and look at the rights of the account on custom fields.",
        ),
        places=("mappings", "settings"),
        symptoms=("some-fields-only", "field-not-filled", "array-map-misses", "nested-field-default", "date-wrong"),
    ),
)
