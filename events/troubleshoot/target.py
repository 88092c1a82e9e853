"""Does the other side take it? Settings, credentials, reach, the answer, and our own failures. Pure."""

from __future__ import annotations

from typing import Final

from django.utils.timezone import localdate

from broker_project.lib.errors import Misconfigured
from connectors import expiry
from connectors.registry import platform
from events.states import State

from .arrival import moment
from .errors import ERRORS
from .facts import Facts
from .mapping import log_evidence
from .places import page_of
from .record import delivery_evidence
from .verdict import Check, Evidence, no, unknown, yes

SETTINGS: Final = "Can the settings work?"
CREDENTIALS: Final = "Are the credentials valid?"
ANSWER: Final = "Did the target take it?"
SOUND: Final = "Is the broker itself free of a failure here?"
_TODO: Final = {
    "validation": "Compare the fields that the answer names with the mapping, correct the row or the source, then "
    "retry; or edit the payload of this one.",
    "not_found": "Look whether the record was deleted or moved; correct the record link, or discard the delivery.",
    "conflict": "Look at the record's present state there, change what forbids the update, then retry.",
    "rejected": "Read the answer in the log, correct what it names, then retry.",
    "rate_limited": "Nothing at once: it is repeated. Set a limit of calls per minute when this happens often.",
    "unavailable": "Nothing at once: it is repeated. Ask who runs the system when it lasts.",
    "not_sent": "Check the address in the settings, the network and the allow list; it is repeated meanwhile.",
    "outcome_unknown": "Nothing at once: the broker looks whether it was done before it sends it again.",
    "api": "Nothing at once: it is repeated.",
}
_OF_TEST: Final = {"": "authentication", "forbidden": "waiting_auth"}
"""Error pages of those codes of a failed test that have none of their own."""
_RETRY_DEAD: Final = " It was given up: retry it when the cause is gone."


def settings(facts: Facts) -> Check:
    connector, delivery = facts.connector, facts.delivery
    told = (delivery_evidence(delivery),) if delivery else ()
    if delivery is not None and delivery.state == State.WAITING and delivery.reason == "waiting_configuration":
        return no(
            SETTINGS,
            delivery.sentence,
            *told,
            *log_evidence(facts),
            todo="Correct the setting that the sentence names, test the connection, then retry.",
            code="waiting_configuration",
            places=("settings",),
        )
    try:
        platform(connector.platform)
    except Misconfigured as error:
        problem = error.sentence
    else:
        problem = facts.sealed_problem
    if problem:
        return no(
            SETTINGS,
            problem,
            todo="Correct it in the settings of the connector.",
            code="waiting_configuration",
            places=("settings",),
            decides=not facts.ended_well,
        )
    return yes(SETTINGS, "The platform is known and the stored credentials can be opened.")


def credentials(facts: Facts) -> Check:
    delivery, live = facts.delivery, facts.live
    told = [Evidence("tested just now", result.sentence) for result in (live.external, live.field_nation) if result]
    told += _valid_until(facts)
    bad = next((result for result in (live.external, live.field_nation) if result and not result.ok), None)
    if bad is not None:
        return no(
            CREDENTIALS,
            bad.sentence,
            *told,
            todo="Correct the entry, test again, then resume or retry what waits.",
            code=_OF_TEST.get(bad.code, bad.code),
            places=("settings", "company"),
            decides=not facts.ended_well,
        )
    if delivery is not None and delivery.state == State.WAITING and delivery.reason == "waiting_auth":
        return no(
            CREDENTIALS,
            delivery.sentence,
            delivery_evidence(delivery),
            *told,
            *log_evidence(facts),
            todo="Grant the account the right for this call, check its allow list, test the connection, then retry.",
            code="waiting_auth",
            places=("settings", "company"),
        )
    if facts.reason == "held_auth" and delivery is not None and delivery.state == State.PENDING:
        return no(
            CREDENTIALS,
            delivery.sentence,
            delivery_evidence(delivery),
            *told,
            todo="Correct the credentials, test the connection, then resume the connector.",
            code="held_auth",
            places=("settings", "company", "states"),
        )
    if live.external is not None:
        return yes(CREDENTIALS, live.external.sentence, *told)
    good = next((call for call in facts.calls if call.status and call.status < 400), None)
    if good is not None:
        at = moment(good.started_at)
        return yes(CREDENTIALS, f"A call was answered {good.status} at {at}.", *_call(good), *told, at=good.started_at)
    said = "No call of this delivery shows it. Press “Test the connection” to try them now."
    return unknown(CREDENTIALS, said, *told)


def _valid_until(facts: Facts) -> list[Evidence]:
    """What a person noted about them, when that day is near or past."""
    today, connector = localdate(facts.now), facts.connector
    return [
        Evidence(f"by their date, the credentials of {one.name}", expiry.told(last, today), page_of(model, one.pk))
        for one, model in ((connector, "connectors_connector"), (connector.company, "connectors_company"))
        if (last := one.credentials_expire_on) and expiry.is_near(last, today)
    ]


def _call(call: object) -> tuple[Evidence, ...]:
    key, method, url = (getattr(call, name) for name in ("pk", "method", "url"))
    answer = getattr(call, "status", None) or getattr(call, "error", "")
    return (Evidence(f"{method} {url}", str(answer), page_of("synclog_apicall", key)),)


def answer(facts: Facts) -> Check:
    delivery = facts.delivery
    if delivery is None:
        return unknown(ANSWER, "It made no delivery, so nothing was sent.")
    if delivery.reason in _TODO and delivery.state in (State.RETRYING, State.DEAD):
        todo = _TODO[delivery.reason] + (_RETRY_DEAD if delivery.state == State.DEAD else "")
        next_at = (Evidence("next attempt", moment(delivery.next_attempt_at)),) if delivery.next_attempt_at else ()
        calls = [one for call in facts.calls[:1] for one in _call(call)]
        if delivery.reason == "validation" and facts.required:
            calls.append(Evidence("required and not mapped", ", ".join(facts.required)))
        return no(
            ANSWER,
            delivery.sentence,
            *calls,
            *next_at,
            *log_evidence(facts),
            todo=todo,
            code=delivery.reason,
            places=ERRORS[delivery.reason].places,
        )
    if delivery.state == State.SUCCEEDED:
        return yes(
            ANSWER, delivery.sentence, delivery_evidence(delivery), *log_evidence(facts), at=delivery.finished_at
        )
    if delivery.state == State.IN_FLIGHT:
        return unknown(ANSWER, "A worker is at it now.", delivery_evidence(delivery))
    return unknown(ANSWER, "It was not refused; it ended or waits for another reason.", *log_evidence(facts))


def sound(facts: Facts) -> Check:
    delivery = facts.delivery
    if delivery is not None and delivery.state == State.WAITING and delivery.reason == "waiting_bug":
        return no(
            SOUND,
            delivery.sentence,
            delivery_evidence(delivery),
            *log_evidence(facts),
            todo="Report the traceback that stands in the log, then retry or discard the delivery.",
            code="waiting_bug",
            places=("connector_logs",),
        )
    return yes(SOUND, "No failure of the broker is recorded for it.")


CHECKS = (settings, credentials, answer, sound)
