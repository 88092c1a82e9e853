"""Error pages of the error classes: what the other side, a mapping or the network said no to."""

from __future__ import annotations

from typing import Final

from .entry import Entry

ENTRIES: Final = (
    Entry(
        code="validation",
        kind="failure",
        title="The values were refused",
        meaning="The target read the record and refused one or more of its values (400 or 422). The same values are "
        "refused again, so it is not repeated.",
        causes=(
            "A required field is not mapped, or its source was empty.",
            "A value has the wrong type or form: text where a number is wanted, a date in another format, true or "
            "false as text, a number out of range.",
            "A value is not in the target's list of choices, or is spelled with other capitals.",
        ),
        fixes=(
            "Read in the log which field the answer names, and find that field in the mapping.",
            "Map the field, give it a default, or set a fixed value with Set Static.",
            "Convert the value: Date Convert for dates, Range Map or a script for numbers, Array Map for choices.",
            "Press Refresh fields when the list of choices was changed, and correct the Array Map.",
            "Then retry the delivery; to send this one only, edit its payload.",
        ),
        places=("mappings", "dead_letters", "connector_logs"),
        symptoms=(
            "required-field-missing",
            "invalid-value",
            "invalid-option",
            "type-mismatch",
            "high-error-rate",
            "work-orders-not-created",
        ),
        is_state=True,
    ),
    Entry(
        code="not_found",
        kind="failure",
        title="The record or address does not exist there",
        meaning="The target answered 404 or 410: it does not know the record of the link, or the path in the settings "
        "leads nowhere.",
        causes=(
            "The linked record was deleted or merged into another one.",
            "The link holds an id of another environment, such as sandbox instead of production.",
            "A path in the settings is wrong, when it happens for every record.",
        ),
        fixes=(
            "Look the record up in the target.",
            "Correct the record link, or remove it so that a new record can be created; then retry.",
            "Correct the path in the settings when all records are concerned.",
            "Discard the delivery when the record is gone for good.",
        ),
        places=("links", "settings", "dead_letters"),
        symptoms=("record-not-updated", "errors-in-the-log"),
        is_state=True,
    ),
    Entry(
        code="conflict",
        kind="failure",
        title="The record's state forbids the change",
        meaning="The target refused the change because of the state in which the record is (409), for example closed "
        "or locked.",
        causes=(
            "The record is closed, locked or being edited there.",
            "A record with the same unique value exists already.",
        ),
        fixes=(
            "Look at the record in the target and change its state, or leave it as it is and discard the delivery.",
            "Add a filter to the event trigger when records in this state are never to be changed.",
            "Then retry the delivery.",
        ),
        places=("dead_letters", "triggers"),
        symptoms=("record-not-updated",),
        is_state=True,
    ),
    Entry(
        code="rejected",
        kind="failure",
        title="The call was refused",
        meaning="The target refused the call with an answer of its own (another 4xx). A repeat would be refused too.",
        causes=(
            "The method or the content type in the settings is not the one that the target takes.",
            "The record or a file is larger than the target allows.",
        ),
        fixes=(
            "Read the answer in the log; it mostly names what is wrong.",
            "Correct the settings or the mapping, then retry the delivery.",
        ),
        places=("settings", "mappings", "connector_logs"),
        symptoms=("errors-in-the-log",),
        is_state=True,
    ),
    Entry(
        code="transformation",
        kind="failure",
        title="A mapping or script failed",
        meaning="A row of the field mappings or a script could not make its value. The same input fails again, so it "
        "is not repeated.",
        causes=(
            "A script reads a member that this event does not have, or treats null as text.",
            "A script has an error in its logic, or runs too long.",
            "A date does not have the input format of its row, or its time zone is not an IANA name.",
            "The rows cannot be used together, for example a path that leads through a text.",
        ),
        fixes=(
            "Look at the target and the line that the log names.",
            "Try the row or script on this event's payload on the Field Mappings page; std.trace shows what it sees.",
            "Guard members that may be missing, with $.util.lookup_field and a default.",
            "Save, then retry the delivery.",
        ),
        places=("mappings", "triggers", "dead_letters"),
        symptoms=("script-fails", "nested-field-default", "date-wrong"),
        is_state=True,
    ),
    Entry(
        code="rate_limited",
        kind="delay",
        title="The target asks for fewer calls",
        meaning="The target answered 429. The delivery is repeated when the wait that it asked for is over; until then "
        "nothing of this connector is sent.",
        causes=(
            "More calls a minute are made than the account may make, by the broker or by others who use it.",
            "Many events come at once, and each makes several calls.",
            "The limit counts per user, and the user is shared.",
        ),
        fixes=(
            "Set calls per minute and burst in the settings a little below what the target allows.",
            "Choose “Newest state only” for events that come often, and untick what you do not need.",
            "Give the broker a user of its own, or ask the target's operator for a higher limit.",
        ),
        places=("settings", "triggers", "states"),
        symptoms=("too-many-calls", "slow-sync", "updates-not-returning"),
        is_state=True,
    ),
    Entry(
        code="unavailable",
        kind="delay",
        title="The target cannot serve now",
        meaning="The target answered that it cannot serve (5xx), or a read got no answer in time. It is repeated after "
        "30 seconds, then after longer and longer waits, until the attempts are used up.",
        causes=(
            "The target is down, restarting or overloaded.",
            "It answers more slowly than the broker waits.",
        ),
        fixes=(
            "Wait: it goes on by itself, and the circuit breaker spares the target meanwhile.",
            "Look at the target's status page, or ask who runs it, when it lasts.",
            "Retry what was given up when the target is back; at a pace when there is much of it.",
        ),
        places=("states", "dead_letters", "connector_logs"),
        symptoms=("errors-in-the-log", "high-error-rate", "slow", "test-fails"),
        is_state=True,
    ),
    Entry(
        code="not_sent",
        kind="delay",
        title="The target was not reached",
        meaning="No connection could be made, so nothing was sent: the name was not found, the connection was refused "
        "or timed out, or the certificate is not good. It is repeated.",
        causes=(
            "The address in the settings is misspelled, or the system moved.",
            "A firewall or an allow list does not let the broker's address in.",
            "The certificate has run out, or TLS 1.2 is not offered.",
        ),
        fixes=(
            "Test the connection; the sentence says what did not work.",
            "Correct the address, or have the broker's address allowed.",
            "Have the certificate renewed.",
        ),
        places=("settings", "states"),
        symptoms=("nothing-syncs", "high-error-rate", "test-fails"),
        is_state=True,
    ),
    Entry(
        code="api",
        kind="delay",
        title="A call failed that may succeed later",
        meaning="The call failed for a reason that passes, and it changed nothing. It is repeated.",
        causes=("The target, or something between it and the broker, had a moment of trouble.",),
        fixes=("Wait: it is repeated by itself. Look at the log's calls when it lasts.",),
        places=("connector_logs", "states"),
        symptoms=("errors-in-the-log",),
        is_state=True,
    ),
    Entry(
        code="outcome_unknown",
        kind="delay",
        title="A write was sent and no answer came",
        meaning="The write may or may not have happened. Before anything is sent again, the broker looks for the "
        "record by its mark, so that no second one is made.",
        causes=(
            "The connection broke after the request was sent.",
            "The target took longer to answer than the broker waits.",
            "The target failed while it worked on the request (500, 502, 504).",
        ),
        fixes=(
            "Wait: the next attempt finds out what happened.",
            "Let the target be searched: set the search path and the field of the mark in the settings, so that "
            "nobody has to look by hand.",
        ),
        places=("settings", "dead_letters"),
        symptoms=("several-work-orders", "errors-in-the-log"),
        is_state=True,
    ),
    Entry(
        code="authentication",
        kind="failure",
        title="The credentials were refused",
        meaning="The target does not accept the user, key or token (401). Nothing of the connector can succeed until "
        "that is corrected, so all of it is held and nothing is lost.",
        causes=(
            "The password or key is wrong, was changed, revoked or has run out.",
            "The account was locked or switched off.",
            "The OAuth application was changed, or its refresh token was revoked.",
            "The credentials are those of another environment.",
        ),
        fixes=(
            "Try the credentials outside the broker, with the same user.",
            "Enter the new ones in the settings; with OAuth, authorise again.",
            "Press Test connection, then Resume.",
            "Use a service account whose password does not run out.",
        ),
        places=("settings", "company", "states"),
        symptoms=(
            "refused-401",
            "worked-then-stopped",
            "expires-after-a-while",
            "test-fails",
            "high-error-rate",
            "work-orders-not-created",
        ),
    ),
    Entry(
        code="configuration",
        kind="failure",
        title="A setting is missing or cannot work",
        meaning="The broker cannot make the call with the settings as they are.",
        causes=(
            "A path, an address or a field that this call needs is empty or malformed.",
            "The address leads into a private network, which is not allowed here.",
            "The stored credentials cannot be opened, because their encryption key is gone.",
        ),
        fixes=(
            "Correct the setting that the sentence names, and test the connection.",
            "Enter credentials again when they cannot be opened.",
            "Then retry what waits.",
        ),
        places=("settings", "history"),
        symptoms=("test-fails", "nothing-syncs"),
    ),
    Entry(
        code="needs_operator",
        kind="failure",
        title="A person must act first",
        meaning="Nothing of this connector can succeed before somebody changes something, as the sentence says.",
        causes=("A credential, a right or a setting is not as it must be.",),
        fixes=("Do what the sentence says, test the connection, then retry what waits.",),
        places=("settings", "company"),
        symptoms=("nothing-syncs",),
    ),
    Entry(
        code="error",
        kind="failure",
        title="It failed",
        meaning="It failed for a reason without a class of its own; the sentence says what happened.",
        causes=("See the sentence and the log of the attempt.",),
        fixes=("Correct what the sentence names, then retry the delivery.",),
        places=("connector_logs", "dead_letters"),
        symptoms=("errors-in-the-log",),
    ),
    Entry(
        code="dead",
        kind="failure",
        title="It was given up",
        meaning="The cause will not pass by itself, so it is not repeated. The next change of the record is sent all "
        "the same, and makes up for it when it carries the whole record.",
        causes=("The target refused it, or a mapping failed: see the reason of the delivery.",),
        fixes=("Correct the cause, then retry; edit the payload to mend this one; or discard it.",),
        places=("dead_letters",),
        symptoms=("errors-in-the-log",),
    ),
    Entry(
        code="dead_exhausted",
        kind="failure",
        title="All attempts are used up",
        meaning="It was tried as often as the connector allows and failed each time.",
        causes=("The target was away or busy for longer than all the waits together.",),
        fixes=(
            "Retry it when the target is back; many at once under Dead Letters, at a pace.",
            "Raise the number of attempts in the settings when its outages are long.",
        ),
        places=("dead_letters", "settings"),
        symptoms=("high-error-rate",),
    ),
)
