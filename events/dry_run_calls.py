"""The two sides of a dry run: calls that read are made when asked for, calls that write are kept and never sent."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from broker_project.lib.errors import BrokerError, InvalidRecord
from broker_project.lib.redaction import MARK, Redactor
from connectors import access, registry
from connectors.fieldnation.client import FieldNation
from connectors.fieldnation.steps import Step
from connectors.http import Caller, Response
from connectors.platforms.contract import Client, Created, Described, TestResult

from .work import Target

READS = frozenset({"GET", "HEAD", "OPTIONS"})
NEW_ID = "new-id"
"""Stands in addresses for the id that the system would give to a new record."""


@dataclass(frozen=True)
class Withheld:
    """A request as it would have been sent, secrets taken out."""

    method: str
    url: str
    purpose: str
    headers: Mapping[str, str]
    body: str


class _WouldSend(Exception):
    """Ends a client's method at its first write."""


class NotRead(BrokerError):
    """What follows depends on a record, and nothing was to be read."""

    code = "not_read"


class HoldingCaller(Caller):
    """A caller that holds every write back, and every read too unless ``reads``."""

    def __init__(self, *, secrets: tuple[str, ...], reads: bool) -> None:
        super().__init__(secrets=secrets, timeout=settings.HTTP_TIMEOUT, allow_private=settings.ALLOW_PRIVATE_ADDRESSES)
        self.withheld: list[Withheld] = []
        self._reads = reads
        self._hidden = Redactor(secrets)

    def hide(self, *secrets: str) -> None:
        super().hide(*secrets)
        self._hidden.add(*secrets)

    def request(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        auth: Callable[[Any], Any] | tuple[str, str] | None = None,
        writes: bool | None = None,
    ) -> Response:
        call: dict[str, Any] = {"params": params, "headers": headers, "json": json, "form": form, "auth": auth}
        if method.upper() not in READS if writes is None else writes:
            self.withheld.append(self._shown(method, url, purpose=purpose, **call))
            raise _WouldSend
        if not self._reads:
            raise NotRead(
                f"The connector would first read from the system (“{purpose}”). Read the record as it is now to see "
                "what follows."
            )
        return super().request(method, url, purpose=purpose, writes=writes, **call)

    def _shown(
        self, method: str, url: str, *, purpose: str, params: Any, headers: Any, json: Any, form: Any, auth: Any
    ) -> Withheld:
        sent = dict(headers or {})
        body = ""
        if json is not None:
            sent.setdefault("Content-Type", "application/json")
            body = self._hidden.body(_pretty(json), "application/json")
        elif form is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = self._hidden.body(urlencode(form), "application/x-www-form-urlencoded")
        shown = self._hidden.headers(sent)
        if auth is not None:
            shown["Authorization"] = MARK
        query = urlencode(params or {})
        address = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        return Withheld(method.upper(), self._hidden.url(address), purpose, shown, body)


def _pretty(json: Any) -> str:
    try:
        return jsonlib.dumps(json, ensure_ascii=False, allow_nan=False, indent=2)
    except (ValueError, RecursionError):
        raise InvalidRecord(
            "The fields hold a value that JSON cannot carry, such as NaN or a broken character."
        ) from None


@dataclass(frozen=True)
class Write:
    """One thing that would be done at the external system: ``kind`` is update, create or the sub-object's name."""

    kind: str
    external_id: str
    fields: Mapping[str, Any]


@dataclass
class HoldingClient:
    """The external system as an outbound delivery sees it; what it would write is kept in ``writes``.

    A record is read once: the delivery and the comparison after it look at the same one.
    """

    inner: Client
    writes: list[Write] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.can_find, self.replaces = self.inner.can_find, self.inner.replaces

    def test(self) -> TestResult:
        return self.inner.test()

    def read(self, external_id: str) -> dict[str, Any]:
        if external_id not in self.records:
            self.records[external_id] = self.inner.read(external_id)
        return self.records[external_id]

    def find(self, correlation: str) -> str | None:
        return self.inner.find(correlation)

    def correlation_in(self, record: Mapping[str, Any]) -> str:
        return self.inner.correlation_in(record)

    def describe(self, kind: str = "", *, sample_id: str = "") -> Described:
        return self.inner.describe(kind, sample_id=sample_id)

    def create(self, fields: Mapping[str, Any], *, correlation: str, target: str = "", parent_id: str = "") -> Created:
        self.writes.append(Write(target or "create", parent_id, dict(fields)))
        try:
            return self.inner.create(fields, correlation=correlation, target=target, parent_id=parent_id)
        except _WouldSend:
            return Created(NEW_ID)

    def update(self, external_id: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        self.writes.append(Write("update", external_id, dict(fields)))
        try:
            return self.inner.update(external_id, fields)
        except _WouldSend:
            return {}


def withhold(field_nation: FieldNation, steps: Iterable[Step]) -> None:
    """Hand these calls of a plan to the holding caller below ``field_nation``, which keeps them."""
    for step in steps:
        path = step.path.replace("{id}", NEW_ID)
        with suppress(_WouldSend):
            field_nation.send(step.method, path, purpose=step.purpose, body=step.body, params=step.params)


class _PlaceholderToken:
    """Stands for an access token where nothing may be called; it is hidden like a real one."""

    def get(self) -> str | None:
        return "placeholder-access-token"

    def put(self, token: str, expires_in: float) -> None:
        return

    def drop(self) -> None:
        return


def caller_for(target: Target, *, reads: bool) -> HoldingCaller:
    """As ``remote.caller_for``, with nothing written."""
    credentials = target.field_nation
    hidden = [*target.secrets.values(), *((credentials.client_secret, credentials.password) if credentials else ())]
    return HoldingCaller(secrets=tuple(secret for secret in hidden if secret), reads=reads)


def external(target: Target, caller: HoldingCaller, *, reads: bool) -> HoldingClient:
    """As ``remote.external``. Raises Misconfigured likewise."""
    if target.problem:
        raise target.problem
    if reads:
        return HoldingClient(
            access.open_external(
                connector_id=target.id,
                slug=target.platform,
                configured=target.settings,
                secrets=target.secrets,
                through=caller,
            )
        )
    opened = registry.platform(target.platform).open(target.settings, target.secrets, caller, _PlaceholderToken())
    return HoldingClient(opened)
