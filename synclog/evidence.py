"""Logs and calls as parts of a page: rows, tables, sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Count, QuerySet

from broker_project.lib.pages import (
    Section,
    Table,
    Text,
    label,
    listing,
    moment,
    to_change,
    to_list,
)

from .log_curl import curl
from .models import ApiCall, SyncLog

COLOURS: dict[str, str] = {
    SyncLog.Outcome.SUCCEEDED.label: "success",
    SyncLog.Outcome.SKIPPED.label: "default",
    SyncLog.Outcome.DUPLICATE.label: "default",
    SyncLog.Outcome.WAITING.label: "warning",
    SyncLog.Outcome.RETRYING.label: "info",
    SyncLog.Outcome.DEAD.label: "danger",
    SyncLog.Outcome.REFUSED.label: "danger",
    SyncLog.Outcome.NOTE.label: "info",
}

MAPPED_HEADERS = ("Target", "Action", "Source value", "Result", "Remarks")


def log_row(log: SyncLog) -> tuple[Any, ...]:
    """The cells time, outcome and sentence of a log in a table; the sentence links to the log."""
    outcome = log.get_outcome_display()
    return (
        moment(log.created_at),
        label(outcome, COLOURS[outcome]),
        to_change("synclog.synclog", log.pk, log.sentence),
    )


@dataclass(frozen=True)
class Call(Section):
    """One HTTP exchange with what was sent and what came back."""

    template: ClassVar[str] = "broker/logs/call.html"
    call: ApiCall
    colour: str
    parts: Sequence[tuple[str, str]]

    @property
    def curl(self) -> str:
        call = self.call
        return curl(method=call.method, url=call.url, headers=call.request_headers, body=call.request_body)


def call_section(call: ApiCall) -> Call:
    """The evidence of one call; empty parts are left out."""
    parts = (
        ("Request headers", call.request_headers),
        ("Request body", call.request_body),
        ("Response headers", call.response_headers),
        ("Response body", call.response_body),
    )
    shown = [(title, listing(content)) for title, content in parts if content]
    return Call(title="", call=call, colour=status_colour(call), parts=shown)


def status_colour(call: ApiCall) -> str:
    if call.status is None or call.status >= 500:
        return "danger"
    return "warning" if call.status >= 400 else "success"


def logs_table(logs: QuerySet[SyncLog], *, title: str, limit: int = 100, **filters: Any) -> Table:
    """The newest of these logs with their numbers of calls; ``filters`` lead to the whole list."""
    rows = logs.defer("details").annotate(call_count=Count("calls")).order_by("-created_at")[: limit + 1]
    found = list(rows)
    return Table(
        title=title,
        headers=("Time", "Outcome", "What happened", "Attempt", "Calls", "By"),
        rows=[(*log_row(log), log.attempt or "-", log.call_count, log.user or "-") for log in found[:limit]],
        empty="Nothing is logged, or it was pruned.",
        more=to_list("synclog.synclog", filters) if len(found) > limit else "",
    )


def details_sections(details: Mapping[str, Any]) -> Iterator[Section]:
    """The parts of a log's details in reading order; what has no part of its own comes last, as it is."""
    rest = dict(details)
    trigger, version = rest.pop("trigger", None) or {}, rest.pop("version", None)
    if trigger or version:
        id = trigger.get("id")
        opened = to_change("events.eventtrigger", id, f"event trigger {id}") if id else "-"
        ran = f"version {version}" if version else "-"
        cells = [trigger.get("event") or "-", trigger.get("action") or "-", opened, ran]
        yield Table(title="Matched", headers=("Event", "Action", "Event trigger", "Configuration"), rows=[cells])
    if mapped := rest.pop("mapped", None):
        yield Table(title="Mapped", headers=MAPPED_HEADERS, rows=[_mapped_row(row) for row in mapped])
    for name, title in (
        ("trace", "Trace"),
        ("detail", "Detail"),
        ("traceback", "Traceback of the broker's own failure"),
    ):
        if content := rest.pop(name, None):
            lines = content if isinstance(content, list) else [content]
            yield Text(title=title, text="\n".join(line if isinstance(line, str) else listing(line) for line in lines))
    if rest:
        yield Text(title="More", text=listing(rest))


def _mapped_row(row: Mapping[str, Any]) -> list[Any]:
    remarks = ["default used"] if row.get("default_used") else []
    remarks += ["left out"] if row.get("left_out") else []
    remarks += ["compared loosely"] if row.get("loose") else []
    remarks += [str(row["warning"])] if row.get("warning") else []
    remarks += [f"trace: {line}" for line in row.get("trace", ())]
    return [row.get("target"), row.get("action"), _value(row, "source"), _value(row, "result"), "; ".join(remarks)]


def _value(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return "-"
    value = row[name]
    return value if isinstance(value, str) and value else listing(value) if value != "" else "(empty text)"
