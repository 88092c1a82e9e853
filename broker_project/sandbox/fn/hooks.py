"""The webhooks management API: subscriptions, their history, the event list and the delivery log."""

from __future__ import annotations

import secrets as random
import uuid
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from broker_project.sandbox.calls import Call, Route, reply
from broker_project.sandbox.courier import is_loopback
from broker_project.sandbox.store import Document, Store
from broker_project.sandbox.tickets import now_text

from . import lookups
from .deliveries import Deliveries
from .events import NAMES, describe
from .problems import stamp

BASE = "/api/v1/webhooks"
WRITABLE = ("events", "url", "method", "status", "secret", "notificationEmail", "isIntegrationOnly", "webhookAttribute")
STATUSES = ("active", "inactive", "archived")
LOG_MEMBERS = (
    "deliveryId",
    "webhookId",
    "workOrderId",
    "eventName",
    "deliveryStatus",
    "deliveryAttempt",
    "createdAt",
)
LOG_SORTS = (*LOG_MEMBERS[:5], "createdAt")
LOG_FILTERS = ("webhookId", "workOrderId", "eventName", "deliveryStatus", "deliveryId")


class Hooks:
    """Endpoints with access "webhooks". Call inside a transaction."""

    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries

    def routes(self) -> list[Route]:
        one = "/<webhook_id>"
        table: list[tuple[str, str, Callable[..., Response]]] = [
            ("GET", "/events", self._events),
            ("GET", "", self._list),
            ("GET", "/", self._list),
            ("POST", "", self._create),
            ("POST", "/", self._create),
            ("GET", "/delivery-logs", self._logs),
            ("GET", "/delivery-logs/<delivery_id>", self._log),
            ("PATCH", "/delivery-logs/<delivery_id>/retry", self._retry),
            ("GET", one, self._read),
            ("PUT", one, self._update),
            ("DELETE", one, self._delete),
            ("GET", f"{one}/history", self._history),
            ("DELETE", f"{one}/<any('header','legacy_field'):kind>/<name>", self._drop_attribute),
        ]
        return [Route(method, BASE + path, endpoint, "webhooks") for method, path, endpoint in table]

    def _events(self, call: Call) -> Response:
        if call.request.args.get("model", "WorkOrder") != "WorkOrder":
            return _answer([])
        return _answer([describe(name) for name in NAMES])

    def _list(self, call: Call) -> Response:
        query = call.request.args
        rows = self._store.all("webhook")
        rows = [row for row in rows if query.get("status", row["status"]) == row["status"]]
        rows = [row for row in rows if query.get("webhookId", row["webhookId"]) == row["webhookId"]]
        rows = [row for row in rows if query.get("search", "") in f"{row['url']} {row['webhookId']}"]
        return _page(
            call, rows, sorts=("id", "webhookId", "createdAt", "updatedAt"), per_page=25, most=100, show=_shown
        )

    def _create(self, call: Call) -> Response:
        body = self._checked(call, complete=True)
        number = self._store.next_number("webhook", first=701)
        now = now_text()
        hook = {
            "id": number,
            "webhookId": str(uuid.uuid4()),
            "companyId": lookups.COMPANY["id"],
            "userId": call.user_id,
            "secret": str(uuid.UUID(bytes=random.token_bytes(16), version=4)),
            "notificationEmail": "",
            "isIntegrationOnly": False,
            "headers": {},
            "modelProperties": [],
            "createdAt": now,
            "updatedAt": now,
            **body,
        }
        self._keep(hook, call, "created", {})
        return _answer(_shown(hook), 201)

    def _read(self, call: Call, webhook_id: str) -> Response:
        hook = self._hook(call, webhook_id)
        shown = _shown(hook)
        if call.request.args.get("webhookAttribute") == "header":
            shown["webhookAttribute"] = {"header": hook["headers"]}
        return _answer(_some(call, shown))

    def _update(self, call: Call, webhook_id: str) -> Response:
        hook = self._hook(call, webhook_id)
        if hook["status"] == "archived":
            raise call.refuse(422, "An archived webhook cannot be changed.")
        body = self._checked(call, complete=False)
        changes = {name: {"from": hook[name], "to": value} for name, value in body.items() if hook[name] != value}
        changes.pop("secret", None)
        self._keep({**hook, **body, "updatedAt": now_text()}, call, "updated", changes)
        return _answer(_shown(self._hook(call, webhook_id)))

    def _delete(self, call: Call, webhook_id: str) -> Response:
        hook = self._hook(call, webhook_id)
        self._store.delete("webhook", hook["id"])
        self._note(hook, call, "deleted", {})
        return _answer(_shown(hook))

    def _history(self, call: Call, webhook_id: str) -> Response:
        rows = self._store.filed("webhook history", webhook_id)
        if not rows:
            self._hook(call, webhook_id)
        return _page(call, rows, sorts=("id", "updatedAt", "userId", "action"), per_page=25, most=100)

    def _drop_attribute(self, call: Call, webhook_id: str, kind: str, name: str) -> Response:
        hook = self._hook(call, webhook_id)
        if kind != "header" or name not in hook["headers"]:
            raise call.refuse(404, f"The webhook has no {kind} {name}.")
        del hook["headers"][name]
        self._keep(hook, call, "updated", {"header": {"removed": [name]}})
        return _answer({"message": f"The {kind} {name} is removed."})

    def _hook(self, call: Call, webhook_id: str) -> Document:
        hook = next(iter(self._store.filed("webhook", webhook_id)), None)
        if hook is None:
            raise call.refuse(404, f"There is no webhook {webhook_id}.")
        return hook

    def _keep(self, hook: Document, call: Call, action: str, changes: dict[str, Any]) -> None:
        self._store.put("webhook", hook["id"], hook, key=hook["webhookId"])
        self._note(hook, call, action, changes)

    def _note(self, hook: Document, call: Call, action: str, changes: dict[str, Any]) -> None:
        number, now = self._store.next_number("webhook history"), now_text()
        row = {"id": number, "userId": call.user_id, "action": action, "changes": changes, "createdAt": now}
        self._store.put("webhook history", number, {**row, "updatedAt": now}, key=hook["webhookId"])

    def _checked(self, call: Call, *, complete: bool) -> dict[str, Any]:
        """The body's members as they are stored. Raises Refusal (422) with every problem."""
        body = call.json_object()
        problems = [f"{name}: unknown member." for name in body if name not in WRITABLE]
        problems += [
            f"{name}: {must}." for name, (fits, must) in CHECKS.items() if name in body and not fits(body[name])
        ]
        if complete:
            problems += [f"{name}: required." for name in WRITABLE[:4] if name not in body]
        if problems:
            raise call.refuse(422, " ".join(problems))
        if (attribute := body.pop("webhookAttribute", None)) is not None:
            body["headers"] = attribute.get("header", {})
        return body

    # The delivery log

    def _logs(self, call: Call) -> Response:
        query, rows = call.request.args, self._store.all("delivery")
        for name in LOG_FILTERS:
            if wanted := query.get(name):
                rows = [row for row in rows if wanted in (str(row[name]), str(row[name]).rpartition(":")[0])]
        if wanted := query.get("search"):
            rows = [row for row in rows if any(wanted in str(row[name]) for name in LOG_FILTERS)]
        return _page(call, rows, sorts=LOG_SORTS, per_page=50, most=500, show=_log_row, default="createdAt")

    def _log(self, call: Call, delivery_id: str) -> Response:
        row = self._delivery(call, delivery_id)
        return _answer({**_log_row(row), "delivery_log": ""})

    def _retry(self, call: Call, delivery_id: str) -> Response:
        row = self._delivery(call, delivery_id)
        try:
            job = self._deliveries.retry(row)
        except KeyError:
            raise call.refuse(404, "The webhook of this delivery is deleted.") from None
        return _answer({"job_id": str(job.number)})

    def _delivery(self, call: Call, delivery_id: str) -> Document:
        rows = self._store.filed("delivery", delivery_id)
        if not rows:
            raise call.refuse(404, f"There is no delivery {delivery_id}.")
        return rows[-1]


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _are_events(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(name, str) and name in NAMES for name in value)
        and len(set(value)) == len(value)
    )


def _are_headers(value: Any) -> bool:
    headers = value.get("header", {}) if isinstance(value, dict) else None
    return isinstance(headers, dict) and all(
        isinstance(text, str) and name and not name.lower().startswith("x-fn-") for name, text in headers.items()
    )


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "events": (_are_events, "at least one known event name, none twice"),
    # Field Nation takes https only. The sandbox reaches nothing but this machine, where http is allowed.
    "url": (is_loopback, "the sandbox delivers only to this machine, such as http://127.0.0.1:8000/"),
    "method": (lambda value: value in ("post", "put"), "post or put"),
    "status": (lambda value: value in STATUSES, "active, inactive or archived"),
    "secret": (_is_uuid, "a UUID"),
    "notificationEmail": (lambda value: isinstance(value, str), "a text"),
    "isIntegrationOnly": (lambda value: isinstance(value, bool), "true or false"),
    "webhookAttribute": (_are_headers, "header must hold texts by name, and no name may begin with x-fn-"),
}


def _answer(result: Any, status: int = 200, **metadata: Any) -> Response:
    return reply({"metadata": {**stamp(), **metadata}, "result": result}, status)


def _shown(hook: Document) -> Document:
    return {name: value for name, value in hook.items() if name != "headers"}


def _log_row(row: Document) -> Document:
    return {name: row[name] for name in LOG_MEMBERS}


def _some(call: Call, row: Document) -> Document:
    """Only the members named by ``fields``, when it is given."""
    wanted = set(filter(None, call.request.args.get("fields", "").split(",")))
    return {name: value for name, value in row.items() if not wanted or name in wanted}


def _page(
    call: Call,
    rows: list[Document],
    *,
    sorts: tuple[str, ...],
    per_page: int,
    most: int,
    show: Callable[[Document], Document] = dict,
    default: str = "id",
) -> Response:
    page, size = call.number("page", 1), call.number("perPage", per_page, high=most)
    sort, direction = call.request.args.get("sortBy", default), call.request.args.get("sortDirection", "DESC")
    if sort not in sorts or direction not in ("ASC", "DESC"):
        raise call.refuse(400, f"sortBy must be one of {', '.join(sorts)}, sortDirection ASC or DESC.")
    rows = sorted(rows, key=lambda row: row[sort])
    if direction == "DESC":
        rows.reverse()  # of equal rows the one stored later comes first
    shown = [_some(call, show(row)) for row in rows[(page - 1) * size : page * size]]
    return _answer(shown, total=len(rows), page=page, perPage=size, pages=max(1, -(-len(rows) // size)))
