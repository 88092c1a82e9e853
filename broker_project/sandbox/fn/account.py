"""The REST v2 look-ups: what the account is configured with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from broker_project.sandbox.calls import Call, Route, reply

from . import lookups
from .lists import tags
from .orders import Missing, Orders
from .parts import BadValue
from .rest import BASE
from .shapes import listing

Row = dict[str, Any]


class Account:
    """Look-ups of what the account is configured with; some lists can be added to. Access "rest"."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[..., Response]]] = [
            ("GET", "/types-of-work", lambda call: reply(listing(lookups.TYPES_OF_WORK))),
            ("GET", "/types-of-work/<int:number>/service-types", self._service_types),
            ("GET", "/templates", lambda call: reply(listing(lookups.TEMPLATES))),
            ("GET", "/templates/<int:number>", self._template),
            ("GET", "/company/managers", lambda call: reply(listing(lookups.MANAGERS))),
            ("GET", "/custom-fields", self._custom_fields),
            ("GET", "/company/incomplete-reasons", lambda call: reply(listing(lookups.INCOMPLETE_REASONS))),
            ("GET", "/users/<int:number>", self._user),
            ("GET", "/company/<int:number>/networks", lambda call, number: reply(listing(lookups.NETWORKS))),
            ("GET", "/company/tags", lambda call: reply(listing(tags(self._orders)))),
            ("POST", "/company/tags", lambda call: self._add(call, "company/tags", "label")),
        ]
        for name, rows in (
            ("projects", lookups.PROJECTS),
            ("clients", lookups.CLIENTS),
            ("locations", lookups.LOCATIONS),
        ):
            table.append(("GET", f"/{name}", self._lister(name, rows)))
            table.append(("POST", f"/{name}", self._adder(name)))
        return [Route(method, BASE + path, endpoint, "rest") for method, path, endpoint in table]

    def _lister(self, name: str, rows: list[Row]) -> Callable[[Call], Response]:
        return lambda call: reply(listing([*rows, *self._orders.store.all(name)]))

    def _adder(self, name: str) -> Callable[[Call], Response]:
        return lambda call: self._add(call, name, "name")

    def _add(self, call: Call, kind: str, label: str) -> Response:
        body = call.json_object()
        if not isinstance(body.get(label), str) or not body[label]:
            raise BadValue(f"/{label}", f"{label} is required.")
        number = self._orders.store.next_number(kind, first=1001)
        row = {**body, "id": number}
        self._orders.store.put(kind, number, row)
        return reply(row)

    def _service_types(self, call: Call, number: int) -> Response:
        if number not in lookups.SERVICE_TYPES:
            raise Missing(f"There is no type of work {number}.")
        return reply(listing(lookups.SERVICE_TYPES[number]))

    def _template(self, call: Call, number: int) -> Response:
        return reply(_found(lookups.named(lookups.TEMPLATES, number), f"There is no template {number}."))

    def _user(self, call: Call, number: int) -> Response:
        return reply(_found(lookups.user(number), f"There is no user {number}."))

    def _custom_fields(self, call: Call) -> Response:
        fields = [{**field, "required": "required" in field["flags"]} for field in lookups.CUSTOM_FIELDS]
        return reply(listing(fields))


def _found(row: Row | None, sentence: str) -> Row:
    if row is None:
        raise Missing(sentence)
    return row
