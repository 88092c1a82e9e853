"""What one attempt tells about the external system as a whole. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker_project.lib import errors
from connectors.http import Exchange

from .outcome import Verdict
from .work import Target


@dataclass(frozen=True)
class Told:
    """``verdict`` for the circuit breaker, ``retry_after`` in seconds, ``external_calls`` made to the system."""

    verdict: Verdict
    retry_after: float | None
    external_calls: int


def told_by(error: Exception | None, target: Target, exchanges: Sequence[Exchange]) -> Told:
    """Read an attempt that ended in ``error``, or well when it is None.

    An outage of Field Nation says nothing about the external system, and a refused record says that it is up.
    """
    ours = [is_field_nation(exchange, target) for exchange in exchanges]
    external = ours.count(False)
    if isinstance(error, errors.AuthFailed) and not isinstance(error, errors.Forbidden):
        return Told("auth", None, external)
    if not exchanges or (error is not None and ours[-1]):
        return Told("neutral", None, external)
    if isinstance(error, errors.RateLimited):
        return Told("neutral", error.retry_after, external)
    if isinstance(error, errors.Unavailable):
        return Told("down", error.retry_after, external)
    if isinstance(error, errors.NotSent | errors.OutcomeUnknown):
        return Told("down", None, external)
    return Told("ok" if external else "neutral", None, external)


def is_field_nation(exchange: Exchange, target: Target) -> bool:
    """Whether the call went to Field Nation."""
    base = target.field_nation.api_base if target.field_nation else ""
    return bool(base) and exchange.url.startswith(base)
