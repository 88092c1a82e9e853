"""Refused calls as people read them: on the company's page, the Trigger URL page and in the troubleshooter."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.timezone import localtime

from broker_project.lib.pages import Section, Table, moment
from connectors.company_admin import CompanyAdmin
from connectors.models import Company, Connector
from synclog.refused import Refused, read
from synclog.refused_models import RefusedCalls

Door = RefusedCalls.Door
WEBHOOK_DOORS = (Door.WEBHOOK.value, Door.API.value)


def of_connector(connector: Connector) -> list[Refused]:
    """Calls of trigger URLs that its old token came with, and those that no connector's token came with."""
    found = read([connector.company_id], Door.TRIGGER.value)
    return [one for one in found if one.is_nobodys or one.connector_id == connector.pk]


def told(one: Refused) -> str:
    """Whose they were, how many and how the last one looked; one line."""
    whose = "of no connector or company that is known" if one.is_nobodys else "of this one"
    source = f" from {one.network}" if one.network else ""
    calls = "1 call" if one.count == 1 else f"{one.count:,} calls"
    return f"{calls} {whose}, the last at {localize(localtime(one.last_at))}{source}: {one.reason}"


def _table(found: Sequence[Refused]) -> Table:
    rows = [
        (
            Door(one.door).label,
            "no company that is known" if one.is_nobodys else "this company",
            f"{one.count:,}",
            moment(one.last_at),
            one.network or "-",
            one.status,
            one.reason,
        )
        for one in found
    ]
    return Table(
        title="Refused calls in the last 24 hours",
        headers=("Where", "Of", "Calls", "Last", "From", "Answer", "Why the last one"),
        rows=rows,
        empty="None: what reached this broker was let in.",
    )


admin.site.unregister(Company)


@admin.register(Company)
class CompanyWithCallsAdmin(CompanyAdmin):
    """The page of a company with what its doors refused; the doors belong to this layer."""

    def sections(self, request: HttpRequest, company: Company) -> Sequence[Section]:
        return [*super().sections(request, company), _table(read([company.pk], *WEBHOOK_DOORS))]
