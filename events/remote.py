"""Opens the two sides of a piece of work: the external system and Field Nation."""

from __future__ import annotations

from connectors import access
from connectors.fieldnation.client import FieldNation
from connectors.http import Caller
from connectors.platforms.contract import Client

from .work import Target


def caller_for(target: Target) -> Caller:
    """A caller that keeps the evidence of one piece of work and hides this connector's credentials in it."""
    return access.caller(hide=target.secrets, credentials=target.field_nation)


def external(target: Target, caller: Caller) -> Client:
    """The external system. Raises Misconfigured for an unknown platform."""
    return access.open_external(
        connector_id=target.id, slug=target.platform, configured=target.settings, secrets=target.secrets, through=caller
    )


def field_nation(target: Target, caller: Caller) -> FieldNation:
    return access.open_field_nation(company_id=target.company_id, credentials=target.field_nation, through=caller)
