"""What an inbound delivery would do now: the record is read and mapped, the work order read and compared.

Nothing is written, on either side. The delivery itself is run up to its first write.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from broker_project.lib.errors import BrokerError
from broker_project.lib.ids import new_id
from connectors.models import Connector
from mappings.merge import flatten

from . import begun, dry_run_calls, inbound, linking, remote, snapshot, versions
from .begun import Begun
from .deliver import scripts
from .dry_run import Compared, Findings, completed, conditional
from .dry_run_calls import NEW_ID
from .outcome import Outcome
from .steps import Notebook, traces_of
from .work import Work, correlation_of, target


def rehearse(connector: Connector, delivery_id: UUID) -> Findings:
    """Try this inbound delivery with the present configuration. Every failure is part of the findings."""
    work = _work(connector, begun.read([delivery_id])[delivery_id])
    found = Findings(matched=True, filter="", external_id=work.external_id, work_order_id=work.work_order_id)
    caller, notes = dry_run_calls.caller_for(work.target, reads=True), Notebook()
    try:
        client = dry_run_calls.external(work.target, caller, reads=True)
        run = inbound.begin(work, client, remote.field_nation(work.target, caller), notes)
        intended = inbound.intend(run, scripts())
        if isinstance(intended, Outcome):
            found.sentences = [conditional(intended.sentence)]
        else:
            _tell(found, run, intended)
    except BrokerError as error:
        found.failure = error
        notes.traces.extend(traces_of(error))
    return completed(found, work, notes, caller)


def _work(connector: Connector, delivery: Begun) -> Work:
    """The delivery as a worker would begin it now, with the configuration as it is in the database."""
    config = snapshot.compile_snapshot(connector.pk, 0, versions.take(connector.pk))
    link, _ = linking.claimed_links([delivery], {}).get(linking.key_of(delivery), (None, False))
    chosen = target(connector, config)
    return Work(
        lane_id=0,
        claim_id=new_id(),
        delivery=delivery,
        attempt=1,
        interrupted=False,
        target=chosen,
        config=config,
        link=link,
        may_create=True,
        create_unsettled=link is not None and not linking.is_complete(link) and not delivery.create_again,
        creates=linking.open_creates([connector.pk]).get(connector.pk, ()),
        correlation=(link.correlation_id if link else "") or correlation_of(delivery, chosen),
        external_id=delivery.external_id,
        work_order_id=delivery.work_order_id or (link.work_order_id if link else None),
    )


def _tell(found: Findings, run: inbound.Inbound, intended: inbound.Intended) -> None:
    plan = intended.plan
    found.work_order_id, found.was_read = plan.work_order_id, plan.work_order_id is not None
    found.compared = list(_compared(intended))
    dry_run_calls.withhold(run.field_nation, plan.steps)
    said = inbound.told(intended, changed=bool(plan.steps)) if found.was_read else ["A work order was created."]
    run.progress.sentences.extend([*said, *plan.notes])
    inbound.write_back(run, str(plan.work_order_id or NEW_ID))
    found.sentences = [conditional(sentence) for sentence in run.progress.sentences]


def _compared(intended: inbound.Intended) -> Iterator[Compared]:
    """What would be different in the work order afterwards; all that is mapped, for one that would be made."""
    plan = intended.plan
    if plan.work_order_id is None:
        for name, value in flatten(intended.carried.body).items():
            yield Compared(name, None, value, "new", value)
        return
    for step in plan.steps:
        for check in step.check:
            yield Compared(
                check.path, check.found or None, check.wanted, "changes" if check.found else "new", check.wanted
            )
