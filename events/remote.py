"""Opens the two sides of a piece of work: the external system and Field Nation."""

from __future__ import annotations

from broker_project.lib.errors import Misconfigured
from connectors import access
from connectors.fieldnation.client import FieldNation
from connectors.http import Caller
from connectors.platforms.contract import Client

from .work import Target


def caller_for(target: Target) -> Caller:
    """A caller that keeps the evidence of one piece of work and hides this connector's credentials in it."""
    return access.caller(hide=target.secrets, credentials=target.field_nation)


def external(target: Target, caller: Caller) -> Client:
    """The external system. Raises Misconfigured for an unknown platform or an unreadable credential."""
    if target.problem:
        raise target.problem
    return access.open_external(
        connector_id=target.id, slug=target.platform, configured=target.settings, secrets=target.secrets, through=caller
    )


def field_nation(target: Target, caller: Caller) -> FieldNation:
    """The company's Field Nation account. Raises Misconfigured when its credentials cannot be read."""
    if target.field_nation is None:
        raise target.problem or Misconfigured("The company's Field Nation credentials cannot be read.")
    return access.open_field_nation(company_id=target.company_id, credentials=target.field_nation, through=caller)
