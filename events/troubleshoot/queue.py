"""Does its turn come? Drain, workers, hold, breaker, limits, lane. Pure."""

from __future__ import annotations

from typing import Final

from connectors.models import ConnectorState
from connectors.throttle import Bucket
from events.states import State

from .arrival import moment
from .facts import Facts
from .places import page_of
from .verdict import Check, Evidence, no, unknown, yes

WORKS: Final = "Is a worker at work?"
HELD: Final = "Is the connector free of a hold?"
BREAKER: Final = "Does the external system answer?"
LIMITS: Final = "Is it within the limits of calls?"
LANE: Final = "Is the way free for this record?"


def works(facts: Facts) -> Check:
    if facts.draining_since is not None:
        return no(
            WORKS,
            f"The workers are being drained since {moment(facts.draining_since)}: they finish what they began and "
            "begin nothing.",
            todo="End the drain when the deploy is done: manage.py drain --end.",
            code="draining",
            places=("drain",),
            decides=not facts.is_over,
        )
    if facts.workers is None:
        return unknown(WORKS, "No heartbeat was looked for.", todo="Look whether a worker runs.")
    if facts.workers.alive:
        count = facts.workers.alive
        return yes(
            WORKS, f"{count} worker{' is' if count == 1 else 's are'} alive.", at=facts.workers.last_seen,
        )  # fmt: skip
    if facts.workers.last_seen is None:
        sentence = "No worker has ever reported here."
    else:
        sentence = f"No worker is alive; the last one reported at {moment(facts.workers.last_seen)}."
    return no(
        WORKS,
        sentence,
        todo="Start a worker, and beat beside it. Nothing is lost meanwhile: what came in waits in the database.",
        code="no_worker",
        places=("overview",),
        decides=not facts.is_over,
    )


def held(facts: Facts) -> Check:
    state = facts.state
    if state is None or state.held_at is None:
        return yes(HELD, f"{facts.name} is not held.")
    return no(
        HELD,
        f"All deliveries of {facts.name} are held since {moment(state.held_at)}. {state.held_sentence}",
        _state_evidence(state),
        todo="Correct the credentials, test the connection, then resume the connector.",
        code="held_auth",
        places=("settings", "company", "states"),
        at=state.held_at,
        decides=not facts.is_over,
    )


def _state_evidence(state: ConnectorState) -> Evidence:
    return Evidence("connector state", state.condition.label, page_of("connectors_connectorstate", state.pk))


def breaker(facts: Facts) -> Check:
    state = facts.state
    if state is None or state.breaker == ConnectorState.Breaker.CLOSED:
        return yes(BREAKER, "Its circuit breaker is closed: calls are made.")
    probe = f" One delivery is tried at {moment(state.next_probe_at)}." if state.next_probe_at else ""
    return no(
        BREAKER,
        f"{facts.name} failed several times in a row, so its deliveries wait.{probe} Last failure: {state.failure}",
        _state_evidence(state),
        todo="Nothing, if the system comes back by itself. Otherwise correct the cause and resume the connector to try "
        "at once.",
        code="breaker_open",
        places=("states", "settings"),
        at=state.opened_at,
        decides=not facts.is_over,
    )


def limits(facts: Facts) -> Check:
    state, connector = facts.state, facts.connector
    if state is not None and state.blocked_until and state.blocked_until > facts.now:
        return no(
            LIMITS,
            f"{facts.name} asked us to wait until {moment(state.blocked_until)}.",
            _state_evidence(state),
            todo="Nothing: it goes on by itself then. Set a limit of calls per minute when this happens often.",
            code="rate_limited",
            places=("settings", "states"),
            decides=not facts.is_over,
        )
    if connector.requests_per_minute is None:
        return yes(LIMITS, "The system does not ask us to wait, and no limit is set here.")
    bucket = Bucket(
        per_minute=connector.requests_per_minute,
        burst=connector.burst,
        tokens=state.tokens if state else None,
        refilled_at=state.refilled_at if state else None,
    )
    told = Evidence("limit", f"{connector.requests_per_minute} calls per minute")
    if bucket.admits(facts.now):
        return yes(LIMITS, "The limit that is set here leaves room for calls now.", told)
    return no(
        LIMITS,
        f"The limit of {connector.requests_per_minute} calls per minute that is set for {facts.name} is used up.",
        told,
        todo="Nothing: room comes back within seconds. Raise the limit if the system allows more.",
        code="own_limit",
        places=("settings",),
        decides=not facts.is_over,
    )


def lane(facts: Facts) -> Check:
    if facts.lane is not None and facts.lane.held_by:
        return no(
            LANE,
            f"{facts.lane.held_by} holds this record back since {moment(facts.lane.held_at)}; {facts.length} in line.",
            _lane_evidence(facts),
            todo="Release the lane to send what stands in line.",
            code="lane_held",
            places=("lanes",),
            at=facts.lane.held_at,
            decides=not facts.is_over,
        )
    head, delivery = facts.head, facts.delivery
    if head is None:
        return yes(LANE, "Nothing stands in line for this record.")
    if delivery is None or head.pk == delivery.pk:
        mine = "It is the first in line." if delivery is not None else f"{facts.length} in line for this record."
        return yes(LANE, mine, _lane_evidence(facts))
    said = head.sentence or "It has its turn before this one."
    moves = head.state in (State.PENDING, State.IN_FLIGHT)
    return no(
        LANE,
        f"An earlier delivery of this record stands before it ({head.get_state_display().lower()}): {said}",
        Evidence("first in line", f"{head.action}, {moment(head.created_at)}", page_of("events_delivery", head.pk)),
        _lane_evidence(facts),
        todo="Nothing: the first one is on its way, and this one follows."
        if moves
        else "See to the first one: retry, decide or skip it. What stands behind it follows in order.",
        code="lane_blocked",
        places=("lanes",),
        at=head.created_at,
        decides=not facts.is_over,
    )


def _lane_evidence(facts: Facts) -> Evidence:
    if facts.lane is None:
        return Evidence("in line", str(facts.length))
    return Evidence("in line", str(facts.length), page_of("events_lane", facts.lane.pk))


CHECKS = (works, held, breaker, limits, lane)
