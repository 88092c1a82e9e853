"""Configuration versions: who changed what when, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.contrib.filters.admin import RelatedDropdownFilter

from broker_project.lib.pages import (
    Act,
    Banner,
    DetailPage,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    Text,
    display,
    label,
    listing,
)

from .differences import difference
from .models import ConfigVersion
from .roll_back import roll_back
from .snapshot import Snapshot

PARTS = ("connector", "triggers", "mappings")


@admin.register(ConfigVersion)
class ConfigVersionAdmin(ReadOnly, PrunableList, DetailPage):
    none_yet = "The first one is made when a connector is saved."
    list_display = ("number_label", "connector", "user_label", "created_at", "comment")
    list_display_links = ("number_label",)
    list_select_related = ("connector",)
    list_filter = (("connector", RelatedDropdownFilter),)
    search_fields = ("user", "comment")
    search_help_text = "Who saved it, or the comment"
    ordering = ("-created_at", "-number")
    sortable_by = ()
    list_per_page = 25  # each row is compared with the version before
    fieldsets = ((None, {"fields": (("connector", "number"), ("user_label", "created_at"), "comment")}),)
    readonly_fields = ("user_label",)
    acts = (
        Act(
            name="roll_back",
            label="Roll back to this version",
            permission="connectors.change_connector",
            question="The settings, event triggers and field mappings of the connector become those of this version, "
            "as a new version. Its name, status and credentials stay as they are. What was made later is in the later "
            "versions. Roll back?",
            icon="history",
            dangerous=True,
            offered=lambda version: not is_present(version),
        ),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        changelist.result_list = shown
        changelist.list_display = [*changelist.list_display, _change_column(shown)]
        return changelist

    def banner(self, version: ConfigVersion) -> Banner:
        number = version.connector.version
        if is_present(version):
            return Banner("Present", "success", f"{version.connector} runs with this version.")
        if version.number == number:
            return Banner("Changed since", "warning", f"{version.connector} was changed after it was published.")
        return Banner("Earlier", "info", f"{version.connector} runs with version {number} now.")

    def sections(self, request: HttpRequest, version: ConfigVersion) -> Sequence[Section]:
        before = _before([version]).get((version.connector_id, version.number - 1))
        changes = difference(before, version.snapshot) if before else []
        empty = "Nothing differs from it." if before else "This is the first version."
        return [
            Table(
                title="Differences to the version before",
                headers=("What changed",),
                rows=[(sentence,) for sentence in changes],
                empty=empty,
            ),
            Text(title="The whole configuration", text=listing({part: version.snapshot[part] for part in PARTS})),
        ]

    def roll_back(self, request: HttpRequest, version: ConfigVersion, form: Any) -> HttpResponse:
        """Roll back, leave a row in the connector's history, and show the new version."""
        number = roll_back(version.connector_id, version.number, user=request.user.get_username())
        connector = version.connector
        self.log_change(request, connector, f"Rolled back to version {version.number}; it is version {number} now.")
        self.message_user(
            request, f"{connector} runs with version {number} now, equal to version {version.number}.", messages.SUCCESS
        )
        return HttpResponseRedirect(
            self._address("change", ConfigVersion.objects.get(connector_id=version.connector_id, number=number))
        )

    @display(description="version")
    def number_label(self, version: ConfigVersion) -> str:
        return f"Version {version.number}"

    @display(description="saved by")
    def user_label(self, version: ConfigVersion) -> str:
        return version.user or "outside the admin"


def is_present(version: ConfigVersion) -> bool:
    """Whether the connector runs with exactly this version."""
    return version.number == version.connector.version and not version.connector.is_stale


def _before(shown: Iterable[ConfigVersion]) -> dict[tuple[int, int], Snapshot]:
    """The snapshots of the versions before these, by connector id and number, in one query."""
    wanted = {(version.connector_id, version.number - 1) for version in shown}
    rows: QuerySet[ConfigVersion] = ConfigVersion.objects.filter(
        connector_id__in={connector_id for connector_id, _ in wanted}, number__in={number for _, number in wanted}
    )
    return {
        (connector_id, number): snapshot
        for connector_id, number, snapshot in rows.values_list("connector_id", "number", "snapshot")
        if (connector_id, number) in wanted
    }


def _change_column(shown: Sequence[ConfigVersion]) -> Any:
    """A column with the first difference to the version before, and how many more there are."""
    before = _before(shown)

    @display(description="what changed")
    def change(version: ConfigVersion) -> Any:
        old = before.get((version.connector_id, version.number - 1))
        if old is None:
            return label("first version", "info")
        changes = difference(old, version.snapshot)
        more = f" And {len(changes) - 1} more." if len(changes) > 1 else ""
        return changes[0] + more if changes else "Nothing."

    return change
