"""Import: a connector's configuration from a file, with what it would change before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from broker_project.lib.errors import InvalidRecord
from connectors.configuring import new_hosts
from connectors.forms import PREFIX, form_for
from connectors.models import Connector
from connectors.registry import platform
from events import roll_back, snapshot, versions
from events.differences import difference
from events.models import ConfigVersion, EventTrigger
from events.snapshot import Snapshot
from mappings.models import FieldMapping
from mappings.rows import NO_DEFAULT, MappingRow
from mappings.validation import target_clashes

from . import transfer
from .base import ConnectorPage, PageAct, Problem, Refused
from .mapping_rows import unstorable

SHOWN = 300
"""Sentences of the difference that the page lists, and problems."""


class ImportPage(ConnectorPage):
    name = "import"
    label = "Import"
    template = "broker/connector/import.html"
    permission = "connectors.change_connector"
    scripts = ("broker/import.js",)

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        return {"most": transfer.MOST_CHARACTERS}

    def acts(self) -> Mapping[str, PageAct]:
        return {"preview": PageAct(preview), "apply": PageAct(apply)}


def preview(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """What the file would change, in sentences; nothing is stored."""
    present = versions.take(connector.pk)
    after, caution = _checked(connector, present, data)
    changes = difference(present, after)
    return {
        "changes": changes[:SHOWN],
        "more": max(0, len(changes) - SHOWN),
        "caution": caution,
        "version": connector.version,
    }


def apply(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Make the configuration that of the file, as one version. In the caller's transaction."""
    roll_back.lock(connector.pk)
    refuse_if_changed(connector, data.get("version"))
    number = versions.publish(connector.pk, comment=roll_back.UNPUBLISHED)
    after, _ = _checked(connector, versions.take(connector.pk), data)
    roll_back.write(connector.pk, transfer.storable(after))
    made = versions.publish(connector.pk, user=request.user.get_username(), comment="Imported")
    if made != number:
        note(request, connector, f"Imported a configuration; it is version {made} now.")
    return {"version": made, "changed": made != number}


def refuse_if_changed(connector: Connector, loaded: Any) -> None:
    """Raises Refused when the connector's version is not the one with which the page was loaded; locks it."""
    rows = Connector.objects.select_for_update(no_key=True).filter(pk=connector.pk)
    number = rows.values_list("version", flat=True).get()
    if number == loaded:
        return
    user = ConfigVersion.objects.filter(connector=connector, number=number).values_list("user", flat=True).first()
    who = f"{user} saved version {number}" if user else f"Version {number} was made"
    sentence = f"{who} after you opened this page. Nothing was changed. Load the page again and look at it first."
    raise Refused([Problem("version", sentence)])


def note(request: HttpRequest, connector: Connector, message: str) -> None:
    """A row in the connector's history."""
    LogEntry.objects.log_actions(
        user_id=str(request.user.pk),
        queryset=Connector.objects.filter(pk=connector.pk),
        action_flag=CHANGE,
        change_message=message,
        single_object=True,
    )


def _checked(connector: Connector, present: Snapshot, data: Mapping[str, Any]) -> tuple[Snapshot, str]:
    """The configuration after the import, and what of the file is not taken.

    Raises Refused with everything that is wrong with it.
    """
    try:
        found = transfer.parse(data.get("text"))
        after = transfer.merged(present, found)
    except InvalidRecord as error:
        raise Refused([Problem("text", error.sentence)]) from None
    problems = [Problem("text", sentence) for sentence in unstorable(found)]
    if problems:
        raise Refused(problems)
    caution = _keep_addresses(connector, present["connector"]["settings"], after["connector"])
    settings, problems = _settings(connector, after)
    problems += [Problem("text", sentence) for sentence in (*_triggers(after), *_mappings(after))]
    if problems:
        raise Refused(problems[:SHOWN])
    after["connector"]["settings"] = settings
    return after, caution


def _keep_addresses(connector: Connector, present: Mapping[str, Any], after: dict[str, Any]) -> str:
    """A file from another installation brings its mappings, not its hosts: the credentials are for those here."""
    declared = platform(connector.platform).settings
    hosts = new_hosts(declared, present, after["settings"])
    if not hosts or not connector.secrets:
        return ""
    names = [setting.name for setting in declared if setting.kind == "url"]
    others = {name: held for name, held in after["settings"].items() if name not in names}
    after["settings"] = others | {name: present[name] for name in names if name in present}
    return (
        f"The addresses stay as they are here: the file's lead to {hosts}, and the stored credentials were given for "
        "another host. To change an address, enter it with its credentials on the connector's page."
    )


def _settings(connector: Connector, after: Snapshot) -> tuple[dict[str, Any], list[Problem]]:
    """The settings as the form of the platform takes them; a secret in a file is not looked at."""
    kind = platform(connector.platform)
    declared = {setting.name: setting for setting in kind.settings if not setting.secret}
    given = {name: held for name, held in after["connector"]["settings"].items() if name in declared}
    entered = {PREFIX + name: _entered(given.get(name, setting.default)) for name, setting in declared.items()}
    options = {name: after["connector"][name] for name in snapshot.OPTIONS}
    form_class: Any = forms.modelform_factory(Connector, form=form_for(kind), fields=["name", *snapshot.OPTIONS])
    form = form_class({**options, **entered, "name": connector.name}, instance=Connector.objects.get(pk=connector.pk))
    problems = [
        Problem("text", f"{name.removeprefix(PREFIX) if name != '__all__' else 'Settings'}: {sentence}")
        for name, sentences in form.errors.items()
        for sentence in sentences
    ]
    return {name: form.instance.settings[name] for name in given if name in form.instance.settings}, problems


def _entered(held: Any) -> Any:
    """A setting as one types it."""
    if isinstance(held, Mapping):
        return "\n".join(f"{name}: {content}" for name, content in held.items())
    return held


def _triggers(after: Snapshot) -> Iterator[str]:
    places = set()
    for entry in after["triggers"]:
        columns = {name: snapshot.value(entry, name) for name in snapshot.TRIGGER}
        title = f"Event trigger {entry['event_type'][:60]}"
        for sentence in _sentences(EventTrigger(**columns)):
            yield f"{title}: {sentence}"
        if (place := (entry["event_type"], entry["position"])) in places:
            yield f"{title}: two actions stand at position {entry['position']}. Number them differently."
        places.add(place)


def _mappings(after: Snapshot) -> Iterator[str]:
    groups: dict[tuple[str, str], list[FieldMapping]] = {}
    for entry in after["mappings"]:
        row = FieldMapping(**{name: snapshot.value(entry, name) for name in snapshot.MAPPING})
        for sentence in _sentences(row):
            yield f"{row.direction.capitalize()} mapping to {row.target[:80] or '(no target)'}: {sentence}"
        if row.is_enabled:
            groups.setdefault((row.direction, row.target_object), []).append(row)
    for (direction, _), rows in groups.items():
        rows.sort(key=lambda row: row.position)
        for problem in target_clashes([_target_of(row) for row in rows]):
            yield f"{direction.capitalize()} mapping to {problem.target}: {problem.sentence}"


def _target_of(row: FieldMapping) -> MappingRow:
    return MappingRow(action=row.action, target=row.target, default=NO_DEFAULT)


def _sentences(row: EventTrigger | FieldMapping) -> list[str]:
    try:
        row.full_clean(exclude=["connector"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return [text for texts in error.message_dict.values() for text in texts]
    return []
