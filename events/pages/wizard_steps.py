"""Steps of the wizard that change the draft: sign-in, test, records, fields. Events and mappings are saved by the acts
of their own pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from broker_project.lib.errors import BrokerError, Misconfigured
from connectors.access import caller
from connectors.configuring import ENTER_AGAIN, new_hosts, shown, stored
from connectors.discovery import Refreshed, refresh_external, refresh_field_nation
from connectors.models import Company, Connector, DiscoveredFields
from connectors.platforms.contract import Platform, Setting
from connectors.registry import platform
from connectors.tokens import tokens_for
from events import versions

from .base import Problem, Refused

LONGEST: Final = 8_000
"""Characters of one setting."""
OWN: Final = {"name": "name", "company": "company", "__all__": "name"}
"""Inputs of the wizard by the model's field."""


def sign_in_settings(kind: Platform) -> list[Setting]:
    """The platform's first group: what is needed to reach the system."""
    return [setting for setting in kind.settings if setting.group == kind.settings[0].group]


def record_settings(kind: Platform) -> list[Setting]:
    return [setting for setting in kind.settings if setting.group != kind.settings[0].group]


def sign_in(request: HttpRequest, connector: Connector, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the draft, paused until the last step, or change its address and credentials. Raises Refused."""
    is_new = connector.pk is None
    problems = _identity(connector, data) if is_new else []
    kind = _platform(connector)
    had = set(connector.secrets)
    problems += _taken(connector, kind, sign_in_settings(kind), data)
    if problems:
        raise Refused(problems)
    if is_new:
        connector.status = Connector.Status.PAUSED
    saved = _save(request, connector, "Address and sign-in were set.", ADDITION if is_new else CHANGE)
    gone = [setting.label for setting in kind.settings if setting.name in had - connector.secrets.keys()]
    notice = f"Removed, since it was given for the host before: {', '.join(gone)}." if gone else ""
    return {**saved, "id": connector.pk, "kept": sorted(connector.secrets), "notice": notice}


def test(request: HttpRequest, connector: Connector, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether address and credentials work, and which records the system describes. Calls, stores nothing."""
    kind = _platform(connector)
    look = kind.first_look(
        connector.settings,
        connector.secrets,
        caller(hide=connector.secrets),
        tokens_for(f"connector:{connector.pk}", {**connector.settings, **connector.secrets}),
    )
    proposals = [{"label": proposal.label, "settings": dict(proposal.settings)} for proposal in look.proposals]
    return {"ok": look.result.ok, "sentence": look.result.sentence, "proposals": proposals}


def records(request: HttpRequest, connector: Connector, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the records are, and whether a work order without one makes one. All settings are checked here."""
    _refuse_other_version(connector, data)
    kind = _platform(connector)
    declared = record_settings(kind)
    problems = _taken(connector, kind, declared, data)
    if not problems:
        names = {setting.name for setting in declared}
        found = kind.check(connector.settings, connector.secrets)
        problems = [
            Problem(name if name in names else "", sentence if name in names else f"Sign-in: {sentence}")
            for name, sentence in found.items()
        ]
    if problems:
        raise Refused(problems)
    connector.outbound_create = data.get("outbound_create") is True
    return _save(request, connector, "The record paths were set.", CHANGE)


def discover(request: HttpRequest, connector: Connector, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read the fields of both sides; each says for itself what came of it. Makes calls."""
    external, field_nation = _found(refresh_external, connector), _found(refresh_field_nation, connector)
    return {"external": external, "field_nation": field_nation, "has_notes": has_notes(connector)}


def has_notes(connector: Connector) -> bool:
    """Whether the system is known to take notes under a record."""
    found = connector.discovered.filter(side=DiscoveredFields.Side.EXTERNAL, record_kind="note")
    return any(fields for fields in found.values_list("fields", flat=True))


def _found(refresh: Callable[[Connector], Refreshed], connector: Connector) -> dict[str, Any]:
    try:
        return {"ok": True, "sentence": refresh(connector).sentence}
    except BrokerError as error:
        return {"ok": False, "sentence": error.sentence}


# --- what was posted --------------------------------------------------------------------------------------------------


def _identity(connector: Connector, data: Mapping[str, Any]) -> list[Problem]:
    """Set name, company and platform of a new connector."""
    name, company, slug = data.get("name"), data.get("company"), data.get("platform")
    connector.name = name.strip() if isinstance(name, str) else ""
    connector.platform = slug if isinstance(slug, str) else ""
    _platform(connector)
    if isinstance(company, int) and not isinstance(company, bool) and 0 < company < 2**31:
        connector.company = Company.objects.filter(pk=company).first()  # type: ignore[assignment]
    problems = []
    try:
        connector.full_clean(exclude=["settings", "secrets", "trigger_token", "trigger_token_hash", "company"])
    except ValidationError as error:
        problems = [Problem(OWN.get(field, field), texts[0]) for field, texts in error.message_dict.items()]
    if connector.company_id is None:
        return [*problems, Problem("company", "Choose the Field Nation account that the work orders are in.")]
    if Connector.objects.filter(company=connector.company_id, name=connector.name).exists():
        problems.append(Problem("name", "The company has a connector of this name already. Choose another name."))
    return problems


def _taken(connector: Connector, kind: Platform, declared: Sequence[Setting], data: Mapping[str, Any]) -> list[Problem]:
    """Put the posted inputs into the connector, unsaved; what is wrong with these inputs."""
    given, typed = _texts(data.get("settings")), _texts(data.get("secrets"))
    problems = _too_long(declared, {**given, **typed})
    plain = {setting.name: shown(setting, connector.settings) for setting in kind.settings if not setting.secret}
    plain |= {setting.name: given[setting.name] for setting in declared if setting.name in given and not setting.secret}
    entered = {setting.name: typed[setting.name] for setting in declared if setting.secret and typed.get(setting.name)}
    settings = stored(kind.settings, plain, connector.settings)
    hosts = new_hosts(kind.settings, connector.settings, settings)
    dropped = connector.secrets.keys() - entered.keys() if hosts else set()
    connector.secrets = {name: value for name, value in connector.secrets.items() if name not in dropped} | entered
    connector.settings = settings
    names = [setting.name for setting in declared]
    found = dict(kind.check(connector.settings, connector.secrets))
    found |= {name: ENTER_AGAIN.format(hosts=hosts) for name in dropped & found.keys()}
    return problems or [Problem(name, found[name]) for name in names if name in found]


def _too_long(declared: Iterable[Setting], texts: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(setting.name, f"This has more than {LONGEST} characters. Shorten it.")
        for setting in declared
        if len(texts.get(setting.name, "")) > LONGEST
    ]


def _texts(posted: Any) -> dict[str, str]:
    if not isinstance(posted, Mapping):
        return {}
    return {str(name): value.replace("\x00", "").strip() for name, value in posted.items() if isinstance(value, str)}


def _platform(connector: Connector) -> Platform:
    try:
        return platform(connector.platform)
    except Misconfigured as error:
        raise Refused([Problem("platform", error.sentence)]) from None


# --- storing ----------------------------------------------------------------------------------------------------------


def _refuse_other_version(connector: Connector, data: Mapping[str, Any]) -> None:
    """Raises Refused when somebody has saved the connector since the page was loaded."""
    number = versions.publish(connector.pk)  # waits for who is saving now
    if number != data.get("version"):
        who = connector.versions.filter(number=number).values_list("user", flat=True).first() or "Somebody"
        sentence = f"{who} has changed this connector meanwhile. Your inputs are still here: note them, then reload."
        raise Refused([Problem("version", sentence)])


def _save(request: HttpRequest, connector: Connector, message: str, flag: int) -> dict[str, Any]:
    user = request.user
    connector.save()
    number = versions.publish(connector.pk, user=user.get_username(), comment="Step by step")
    if isinstance(user, User):
        LogEntry.objects.log_actions(
            user_id=user.pk, queryset=[connector], action_flag=flag, change_message=message, single_object=True
        )
    return {"version": number}
