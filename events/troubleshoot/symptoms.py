"""What people see when something is wrong, as they would say it: what to look at, in order, and which errors it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from . import symptoms_data, symptoms_fields
from .symptom import Symptom


@dataclass(frozen=True)
class Section:
    title: str
    symptoms: tuple[Symptom, ...]


SECTIONS: Final = (
    Section("First look", symptoms_data.FIRST_LOOK),
    Section("Sign-in and rights", symptoms_data.SIGN_IN),
    Section("Values and fields", symptoms_fields.VALUES),
    Section("Triggers and webhooks", symptoms_data.WEBHOOKS),
    Section("Events to the external system", symptoms_data.EVENTS),
    Section("Scripts and mappings", symptoms_fields.SCRIPTS),
    Section("Speed", symptoms_data.SPEED),
)

SYMPTOMS: Final[Mapping[str, Symptom]] = MappingProxyType(
    {symptom.slug: symptom for section in SECTIONS for symptom in section.symptoms}
)
