"""What was logged of a delivery: attempts with their mapping, calls and decision, and acts of people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from broker_project.lib.pages import Section, Text, listing, to_change
from synclog.evidence import COLOURS, call_section
from synclog.models import ApiCall, SyncLog

from .entry import Entry, Folded
from .mapped import mapped_table

MOST_LOGS: Final = 60
"""Newest logs of a delivery that its page shows."""
MOST_CALLS: Final = 200
TITLES: Final = {
    "operator_retry": "Retried by a person",
    "operator_discarded": "Discarded by a person",
    "operator_skipped": "Skipped by a person",
    "operator_decided": "Decided by a person",
    "operator_edited": "Payload changed by a person",
    "operator_linked": "Linked by a person",
    "operator_create_again": "Allowed to be created again",
    "superseded": "Superseded",
    "resolved_later": "Made up for",
}
DECISIONS: Final = {
    "created": "created",
    "found_again": "found again",
    "updated": "updated",
    "noted": "note added",
    "no_change": "no change",
    "unchanged": "no change",
    "work_order_created": "work order created",
    "work_order_updated": "work order updated",
    "waiting_conflict": "conflict",
}


def read(delivery_id: UUID) -> tuple[list[SyncLog], dict[UUID, list[ApiCall]], bool]:
    """The newest logs, oldest first, their calls by log, and whether older logs were left out; two queries."""
    newest = list(SyncLog.objects.filter(delivery_id=delivery_id).order_by("-created_at", "-pk")[: MOST_LOGS + 1])
    logs = newest[:MOST_LOGS][::-1]
    calls: dict[UUID, list[ApiCall]] = defaultdict(list)
    found = ApiCall.objects.filter(log_id__in=[log.pk for log in logs]).order_by("-id")[:MOST_CALLS]
    for call in reversed(found):
        calls[call.log_id].append(call)
    return logs, calls, len(newest) > MOST_LOGS


def entries(
    logs: Iterable[SyncLog], calls: Mapping[UUID, Sequence[ApiCall]], sources: Mapping[str, str]
) -> Iterator[Entry]:
    """One entry a log."""
    for log in logs:
        outcome = log.get_outcome_display()
        decision = DECISIONS.get(log.code, log.code.replace("_", " "))
        facts: list[tuple[str, Any]] = [("Decision", decision)] if not log.user else [("By", log.user)]
        if version := log.details.get("version"):
            facts.append(("Configuration", f"version {version}"))
        if log.duration_ms:
            facts.append(("Time in calls", f"{log.duration_ms:,.0f} ms"))
        facts.append(("Evidence", to_change("synclog.synclog", log.pk, "log entry")))
        yield Entry(
            title=_title(log),
            at=log.created_at,
            kind=COLOURS[outcome],
            label=outcome,
            sentence=log.sentence,
            facts=facts,
            parts=list(_parts(log, calls.get(log.pk, ()), sources)),
        )


def _title(log: SyncLog) -> str:
    if log.code in TITLES:
        return TITLES[log.code]
    if log.outcome == SyncLog.Outcome.NOTE:
        return "Note"
    return f"Attempt {log.attempt}" if log.attempt else "Decided on arrival"


def _parts(log: SyncLog, calls: Sequence[ApiCall], sources: Mapping[str, str]) -> Iterator[Section]:
    details = {name: value for name, value in log.details.items() if name not in ("trigger", "version")}
    if mapped := details.pop("mapped", None):
        yield Folded(title=f"Mapped, field by field ({len(mapped)})", content=mapped_table(mapped, sources))
    for name, title in (
        ("trace", "Trace of the script"),
        ("detail", "What the system said"),
        ("traceback", "Traceback of the broker's own failure"),
    ):
        if content := details.pop(name, None):
            yield Folded(title=title, content=Text(title="", text=_lines(content)), is_open=name == "detail")
    if before := details.pop("before", None):
        state = str(before.get("state", "")).replace("_", " ")
        told = f"Before: {state}. {before.get('sentence', '')}".strip()
        yield Text(title="", text=told)
    yield from (call_section(call) for call in calls)
    if details:
        yield Folded(title="More", content=Text(title="", text=listing(details)))


def _lines(content: Any) -> str:
    lines = content if isinstance(content, list) else [content]
    return "\n".join(line if isinstance(line, str) else listing(line) for line in lines)
