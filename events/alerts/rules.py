"""The rules as they hold: a connector's own before the installation's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps

from synclog.alert_models import AlertChannel, AlertRule

from .kinds import KINDS


@dataclass
class Rules:
    """All rules, by kind and connector id (None: the installation's)."""

    by_place: dict[tuple[str, int | None], AlertRule] = field(default_factory=dict)

    def of(self, kind: str, connector_id: int | None = None) -> AlertRule:
        """The rule that holds for this connector."""
        return self.by_place.get((kind, connector_id)) or self.by_place[kind, None]

    def own(self, kind: str) -> Sequence[AlertRule]:
        """The rules of this kind, the installation's first."""
        found = [rule for (of_kind, _), rule in self.by_place.items() if of_kind == kind]
        return sorted(found, key=lambda rule: rule.connector_id or 0)

    def is_any_on(self, kind: str) -> bool:
        return any(rule.is_on for rule in self.own(kind))


def load() -> Rules:
    """All rules, in one query. A kind that has no row yet goes by its default."""
    found = Rules({(rule.kind, rule.connector_id): rule for rule in AlertRule.objects.all()})
    for kind in KINDS:
        found.by_place.setdefault((kind, None), _default(AlertRule, kind))
    return found


def install(registry: Any = apps) -> None:
    """Make the installation's rules that are not there yet and, at the first start, a channel; after each migration.

    ``registry`` holds the models as the database has them at that moment, which may be older ones.
    """
    try:
        rule, channel = (registry.get_model("synclog", name) for name in ("AlertRule", "AlertChannel"))
    except LookupError:
        return
    there = set(rule.objects.filter(connector=None).values_list("kind", flat=True))
    if not there:  # later a channel that is not there was removed by a person
        mail = channel(name="E-mail to notification addresses", kind=AlertChannel.Kind.EMAIL.value)
        channel.objects.bulk_create([mail], ignore_conflicts=True)
    rule.objects.bulk_create([_default(rule, kind) for kind in KINDS if kind not in there], ignore_conflicts=True)


def quiet(rule: AlertRule) -> timedelta:
    return timedelta(minutes=rule.quiet_minutes)


def _default(model: type[AlertRule], kind: str) -> AlertRule:
    watched = KINDS[kind]
    return model(kind=kind, is_on=watched.is_on, **{name: one.default for name, one in watched.numbers.items()})
