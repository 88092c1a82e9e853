"""What an operator can do about a delivery: retry, skip or discard it, decide on a write or a conflict.

Each act locks the lanes first, as the workers do, then looks at the states: a second click, or a second operator,
finds nothing left to do. Every delivery that was moved leaves a row in the log that names the person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import F, TextField, Value
from django.db.models.functions import Concat
from django.utils import timezone

from synclog.models import SyncLog

from . import lanes, review, states
from .models import Delivery
from .nudge import nudge
from .replay_links import complete_link, is_linked
from .sentences import explain
from .states import Move, State

CHUNK = 500
"""Deliveries moved in one transaction."""

OLD, CURRENT = "old", "current"
"""Which configuration a retry runs with: the one that the delivery began with, or the present one."""

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
    details: Mapping[str, object] = field(default_factory=dict)
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


def can_retry_now(delivery: Delivery) -> bool:
    """Also one whose next attempt is planned already."""
    return can_retry(delivery) or delivery.state == State.RETRYING


def is_planned(delivery: Delivery) -> bool:
    return delivery.state == State.RETRYING


def can_skip(delivery: Delivery) -> bool:
    """Whether the delivery waits for its turn or its next attempt, with no worker at it."""
    return delivery.state in (State.PENDING, State.RETRYING)


def is_contested(delivery: Delivery) -> bool:
    """Whether a person has to say which side a field is taken from."""
    return delivery.state == State.WAITING and delivery.reason == "waiting_conflict" and bool(delivery.conflict)


def retry(ids: Sequence[UUID], *, user: str, version: str = CURRENT, also_planned: bool = False) -> set[UUID]:
    """Give waiting and dead deliveries all their attempts again; return the ids that were moved.

    ``version`` says with which configuration they run, ``also_planned`` that those whose next attempt is planned are
    taken too. Those that wait for a decision on an unknown outcome are left alone.
    """
    note = " It keeps the configuration that it began with." if version == OLD else ""

    def act(found: Sequence[Delivery]) -> set[UUID]:
        prepare(found, version=version)
        return carry_out(found, Decision("operator_retry", user, note=note))

    return act_on(ids, act, allowed=can_retry_now if also_planned else can_retry)


def prepare(found: Sequence[Delivery], *, version: str = CURRENT) -> None:
    """Let the next attempt write even what seems unchanged: a person asked for it."""
    rows = Delivery.objects.filter(pk__in=[delivery.pk for delivery in found])
    # what a person once allowed holds for the attempt it was meant for, not for this one
    rows.update(create_again=False, forced=True, **({"version": None} if version == CURRENT else {}))


def create_again(id: UUID, *, user: str) -> set[UUID]:
    """“It was not created”: retry, and let the next attempt create without looking first."""

    def act(found: Sequence[Delivery]) -> set[UUID]:
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in found]).update(create_again=True)
        return carry_out(found, Decision("operator_create_again", user))

    return act_on([id], act, allowed=is_undecided)


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
            return carry_out(found, Decision("operator_retry", user, note=note, done=delivery.done_operations + 1))
        work_order, target = delivery.work_order_id or work_order_id, delivery.external_id or external_id.strip()
        complete_link(delivery, work_order_id=work_order, external_id=target)
        facts = {"target": target, "work_order": work_order}
        return carry_out(
            found, Decision("operator_linked", user, facts=facts, work_order_id=work_order, external_id=target)
        )

    return act_on([id], act, allowed=is_undecided)


def discard(ids: Sequence[UUID], *, user: str, reason: str) -> set[UUID]:
    """End waiting and dead deliveries without sending them; the lane goes on. Return the ids that were moved."""
    decision = Decision("operator_discarded", user, to=State.SKIPPED, facts={"reason": reason})
    return act_on(ids, lambda found: carry_out(found, decision), allowed=is_attention)


def skip(id: UUID, *, user: str, reason: str) -> set[UUID]:
    """End a delivery that no worker is at, whatever it waits for, without sending it; the lane goes on."""
    decision = Decision("operator_skipped", user, to=State.SKIPPED, facts={"reason": reason})
    return act_on(
        [id], lambda found: carry_out(found, decision), allowed=lambda found: is_attention(found) or can_skip(found)
    )


def decide(id: UUID, choices: Mapping[str, str], *, user: str) -> set[UUID]:
    """Take each field of a conflict from the side chosen, “field_nation” or “external”, and go on.

    Raises InvalidRecord when a field has no side, or when a field is named that is not in question.
    """

    def act(found: Sequence[Delivery]) -> set[UUID]:
        delivery = found[0]
        chosen = review.complete(delivery.conflict, choices)
        Delivery.objects.filter(pk=delivery.pk).update(conflict={**(delivery.conflict or {}), "choices": chosen})
        return carry_out(found, Decision("operator_decided", user, facts={"choices": review.in_words(chosen)}))

    return act_on([id], act, allowed=is_contested)


def add_note(id: UUID, text: str, *, user: str) -> None:
    """Add a line to what people wrote about the delivery; nothing that stands there is lost."""
    line = f"{timezone.localtime():%Y-%m-%d %H:%M} {user}: {text.strip()}\n"
    Delivery.objects.filter(pk=id).update(note=Concat(F("note"), Value(line), output_field=TextField()))


def act_on(
    ids: Sequence[UUID], act: Callable[[Sequence[Delivery]], set[UUID]], *, allowed: Callable[[Delivery], bool]
) -> set[UUID]:
    """Lock the lanes of these deliveries, then let ``act`` move those that are ``allowed``; return what it moved."""
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
        # one that changed its lane meanwhile stands in a line that is not locked
        found = [row for row in rows if (row.connector_id, row.lane_key) in keys and allowed(row)]
        moved = act(found) if found else set()
        lanes.reopen(keys)  # also when nothing was moved: the lanes were made or touched above
        if moved:
            nudge()
    return moved


def carry_out(deliveries: Sequence[Delivery], decision: Decision) -> set[UUID]:
    """Move the deliveries as decided, each with a row in the log. Call it from ``act_on``."""
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
        details={
            **decision.details,
            "before": {"state": delivery.state, "reason": delivery.reason, "sentence": delivery.sentence},
        },
    )
