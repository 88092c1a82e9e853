"""What an operator can do about a delivery: retry it, decide on a write of unknown outcome, discard it.

Each act locks the lanes first, as the workers do, then looks at the states: a second click, or a second operator,
finds nothing left to do. Every delivery that was moved leaves a row in the log that names the person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from broker_project.lib.errors import Conflict, InvalidRecord
from mappings.models import RecordLink
from synclog.models import SyncLog

from . import lanes, states
from .models import Delivery
from .nudge import nudge
from .sentences import explain
from .states import Move, State

CHUNK = 500
"""Deliveries moved in one transaction."""

UNDECIDED = ("waiting_outcome_unknown", "outcome_unknown")
"""Reasons of a delivery whose write may have happened: a person says whether it did."""


@dataclass(frozen=True)
class Decision:
    """What a person decided: the code of its sentence, its facts, and what becomes of the deliveries.

    ``done`` is the number of a script's operations that need no repeat; the ids are those that the person gave.
    """

    code: str
    user: str
    to: State = State.PENDING
    facts: Mapping[str, object] = field(default_factory=dict)
    note: str = ""
    done: int = 0
    work_order_id: int | None = None
    external_id: str = ""

    @property
    def sentence(self) -> str:
        return explain(self.code, user=self.user, **self.facts) + self.note


def is_attention(delivery: Delivery) -> bool:
    """Whether the delivery waits for a person or is a dead letter."""
    return delivery.state in (State.WAITING, State.DEAD)


def is_undecided(delivery: Delivery) -> bool:
    """Whether a person has to say if the delivery's write happened."""
    return is_attention(delivery) and delivery.reason in UNDECIDED


def can_retry(delivery: Delivery) -> bool:
    """A plain retry of a write of unknown outcome could write twice, where the remote cannot be asked."""
    return is_attention(delivery) and delivery.reason != "waiting_outcome_unknown"


def retry(ids: Sequence[UUID], *, user: str) -> set[UUID]:
    """Give waiting and dead deliveries all their attempts again; return the ids that were moved.

    Those that wait for a decision on an unknown outcome are left alone.
    """

    def act(found: Sequence[Delivery]) -> set[UUID]:
        # what a person once allowed holds for the attempt it was meant for, not for this one
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in found]).update(create_again=False)
        return _move(found, Decision("operator_retry", user))

    return _each_chunk(ids, act, allowed=can_retry)


def create_again(id: UUID, *, user: str) -> set[UUID]:
    """“It was not created”: retry, and let the next attempt create without looking first."""

    def act(found: Sequence[Delivery]) -> set[UUID]:
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in found]).update(create_again=True)
        return _move(found, Decision("operator_create_again", user))

    return _each_chunk([id], act, allowed=is_undecided)


def link_and_retry(id: UUID, *, user: str, work_order_id: int | None = None, external_id: str = "") -> set[UUID]:
    """“It was created”: link the two records and retry, which then updates.

    Give the id that the delivery does not know: the external id for an outbound one, the work order id for an inbound
    one. Where the records are linked already, the unknown write was a part of its own (a note), and neither is needed:
    that part is skipped. Raises InvalidRecord when the id is missing, Conflict when a record is linked otherwise.
    """

    def act(found: Sequence[Delivery]) -> set[UUID]:
        delivery = found[0]
        if is_linked(delivery):
            note = " The write of unknown outcome did happen, so it is not repeated."
            return _move(found, Decision("operator_retry", user, note=note, done=delivery.done_operations + 1))
        work_order, target = delivery.work_order_id or work_order_id, delivery.external_id or external_id.strip()
        _complete_link(delivery, work_order_id=work_order, external_id=target)
        facts = {"target": target, "work_order": work_order}
        return _move(
            found, Decision("operator_linked", user, facts=facts, work_order_id=work_order, external_id=target)
        )

    return _each_chunk([id], act, allowed=is_undecided)


def discard(ids: Sequence[UUID], *, user: str, reason: str) -> set[UUID]:
    """End waiting and dead deliveries without sending them; the lane goes on. Return the ids that were moved."""
    decision = Decision("operator_discarded", user, to=State.SKIPPED, facts={"reason": reason})
    return _each_chunk(ids, lambda found: _move(found, decision), allowed=is_attention)


def is_linked(delivery: Delivery) -> bool:
    """Whether the delivery's record is linked to its counterpart."""
    links = RecordLink.objects.filter(
        connector_id=delivery.connector_id, work_order_id__isnull=False, external_id__isnull=False
    )
    return links.filter(_own_side(delivery)).exists()


def _each_chunk(
    ids: Sequence[UUID], act: Callable[[Sequence[Delivery]], set[UUID]], *, allowed: Callable[[Delivery], bool]
) -> set[UUID]:
    moved: set[UUID] = set()
    for start in range(0, len(ids), CHUNK):
        moved |= _locked(ids[start : start + CHUNK], act, allowed)
    return moved


def _locked(
    ids: Sequence[UUID], act: Callable[[Sequence[Delivery]], set[UUID]], allowed: Callable[[Delivery], bool]
) -> set[UUID]:
    with transaction.atomic():
        keys = list(Delivery.objects.filter(pk__in=ids).values_list("connector_id", "lane_key"))
        lanes.open_lanes(keys)
        rows = Delivery.objects.filter(pk__in=ids).select_related("event").order_by("seq")
        found = [delivery for delivery in rows if allowed(delivery)]
        moved = act(found) if found else set()
        lanes.reopen(keys)  # also when nothing was moved: the lanes were made or touched above
        if moved:
            nudge()
    return moved


def _move(deliveries: Sequence[Delivery], decision: Decision) -> set[UUID]:
    moved = states.move(
        [
            Move(
                id=delivery.pk,
                to=decision.to,
                reason=decision.code,
                sentence=decision.sentence,
                done_operations=decision.done,
                work_order_id=decision.work_order_id,
                external_id=decision.external_id,
            )
            for delivery in deliveries
        ]
    )
    SyncLog.objects.bulk_create(_log(delivery, decision) for delivery in deliveries if delivery.pk in moved)
    return moved


def _log(delivery: Delivery, decision: Decision) -> SyncLog:
    return SyncLog(
        connector_id=delivery.connector_id,
        direction=delivery.direction,
        outcome=SyncLog.Outcome.NOTE,
        code=decision.code,
        sentence=decision.sentence,
        event_type=delivery.event.event_type,
        work_order_id=delivery.work_order_id or decision.work_order_id,
        external_id=delivery.external_id or decision.external_id,
        event_id=delivery.event_id,
        delivery_id=delivery.pk,
        attempt=delivery.attempts,
        user=decision.user,
        details={"before": {"state": delivery.state, "reason": delivery.reason, "sentence": delivery.sentence}},
    )


def _complete_link(delivery: Delivery, *, work_order_id: int | None, external_id: str) -> None:
    if not work_order_id:
        raise InvalidRecord("Enter the id of the work order that was created.")
    if not external_id:
        raise InvalidRecord("Enter the id of the external record that was created.")
    either = Q(work_order_id=work_order_id) | Q(external_id=external_id)
    links = list(RecordLink.objects.select_for_update().filter(either, connector_id=delivery.connector_id))
    for link in links:
        if link.work_order_id and link.external_id:
            raise Conflict(
                f"Work order {link.work_order_id} and record {link.external_id} of this connector are linked already. "
                "Check the id, or correct that record link first."
            )
    correlation = next((link.correlation_id for link in links if link.correlation_id), "")
    # Claims of either side give way to the pair, as they do when a worker stores one.
    RecordLink.objects.filter(pk__in=[link.pk for link in links]).delete()
    RecordLink.objects.create(
        connector_id=delivery.connector_id,
        work_order_id=work_order_id,
        external_id=external_id,
        correlation_id=correlation,
    )


def _own_side(delivery: Delivery) -> Q:
    if delivery.direction == Delivery.Direction.INBOUND:
        return Q(external_id=delivery.external_id)
    return Q(work_order_id=delivery.work_order_id)
