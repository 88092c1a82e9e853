"""A simulated Help Desk: a strict JSON API for tickets and notes, with a page on which people can work."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from werkzeug.wrappers import Response

from .calls import Call, Knob, Refusal, Route, is_flag, reply
from .courier import Courier, Job, Outcome, is_loopback
from .openapi import description
from .simulator import Simulator
from .store import Document
from .tickets import NOTE_FIELDS, TICKET_FIELDS, Field, Tickets, problems

API_KEY = "helpdesk-sandbox-key"
BASIC_USER = "broker"
BASIC_WORD = "helpdesk-sandbox-word"
BEARER = "helpdesk-sandbox-bearer"
OAUTH_ID = "helpdesk-sandbox-client"
OAUTH_WORD = "helpdesk-sandbox-client-word"
TRIGGER_WAITS = (0.5, 1.0, 2.0, 4.0)
SHOWN_TICKETS = 100
PAGE_FIELDS = {"subject", "description", "status", "priority", "requester", "street", "city", "state", "zip", "country"}


class HelpDesk(Simulator):
    """``app`` is the WSGI application. ``store_path`` None keeps the data in memory.

    Credentials: the key in ``X-API-Key``, or this module's constants as Basic, bearer and OAuth client credentials.
    """

    page = "helpdesk.html"
    api_prefixes = ("/api/", "/oauth/", "/openapi.json")
    knobs: ClassVar[Mapping[str, Knob]] = {
        "trigger_url": Knob("", lambda v: v == "" or is_loopback(v), "an http(s) URL on this machine, or empty"),
        "auto_send": Knob(False, is_flag, "true or false"),
        "echo": Knob(False, is_flag, "true or false"),
        "token_seconds": Knob(300, lambda v: type(v) is int and 1 <= v <= 86_400, "a whole number from 1 to 86400"),
    }

    def __init__(self, store_path: Path | str | None = None, api_key: str = API_KEY) -> None:
        self._api_key = api_key
        super().__init__(store_path)

    def build(self) -> None:
        self._tickets = Tickets(self.store)
        self._courier = Courier(
            self.store, prepare=lambda job: job, settle=self._settle, waits=TRIGGER_WAITS, timeout=10.0, workers=2
        )

    def close(self) -> None:
        self._courier.close()
        super().close()

    def forget(self) -> None:
        self._courier.forget()
        super().forget()

    def tickets(self) -> list[Document]:
        """All tickets by number, as the API gives them."""
        with self.store.transaction():
            return [row["ticket"] for row in self.store.all("ticket")]

    def notes(self, ticket_id: int) -> list[Document]:
        """The notes of a ticket, oldest first."""
        with self.store.transaction():
            return self._tickets.notes(ticket_id)

    def idle(self) -> bool:
        """True when no trigger call is under way or waiting."""
        return self._courier.idle()

    def routes(self) -> Iterable[Route]:
        return [
            Route("GET", "/api/tickets", self._list, "api"),
            Route("POST", "/api/tickets", self._create, "api"),
            Route("GET", "/api/tickets/<int:ticket_id>", self._read, "api"),
            Route("PUT", "/api/tickets/<int:ticket_id>", self._replace, "api"),
            Route("PATCH", "/api/tickets/<int:ticket_id>", self._patch, "api"),
            Route("GET", "/api/tickets/<int:ticket_id>/notes", self._list_notes, "api"),
            Route("POST", "/api/tickets/<int:ticket_id>/notes", self._add_note, "api"),
            Route("GET", "/api/metadata", self._metadata, "api"),
            Route("POST", "/oauth/token", self._token),
            Route("GET", "/openapi.json", lambda call: reply(description(call.request.host_url.rstrip("/")))),
            Route("POST", "/control/tokens/revoke", self._revoke),
            Route("POST", "/ui/tickets", self._person_creates),
            Route("POST", "/ui/tickets/<int:ticket_id>", self._person_changes),
            Route("POST", "/ui/tickets/<int:ticket_id>/send", self._person_sends),
        ]

    # The API

    def refuse(self, status: int, sentence: str, fields: dict[str, str] | None = None) -> Refusal:
        headers = {"WWW-Authenticate": "Basic"} if status == 401 else {}
        return Refusal(reply({"error": {"message": sentence, "fields": fields or {}}}, status, headers=headers))

    def refusal(self, path: str, status: int, sentence: str) -> Refusal:
        return self.refuse(status, sentence)

    def authenticate(self, call: Call, access: str) -> None:
        headers = call.request.headers
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        if "X-API-Key" in headers:
            passes = _same(headers["X-API-Key"], self._api_key)
        elif scheme.lower() == "basic":
            expected = base64.b64encode(f"{BASIC_USER}:{BASIC_WORD}".encode()).decode()
            passes = _same(given, expected)
        elif scheme.lower() == "bearer":
            passes = _same(given, BEARER) or self.store.setting(f"token {given}", 0) > time.time()
        else:
            raise self.refuse(401, "Credentials are missing: send X-API-Key, or Basic or Bearer authorization.")
        if not passes:
            raise self.refuse(401, "The credentials are wrong, expired or revoked.")

    def _list(self, call: Call) -> Response:
        page, per_page = call.number("page", 1), call.number("per_page", 25, high=100)
        if unknown := sorted(set(call.request.args) - {"page", "per_page", "correlation", "status"}):
            raise self.refuse(422, "The query has unknown parameters.", dict.fromkeys(unknown, "Unknown parameter."))
        wanted = call.request.args.get("correlation")
        call.correlation = wanted or ""
        status = call.request.args.get("status")
        if wanted is None and status is None:
            total = self.store.count("ticket")
            results = self._tickets.newest(limit=per_page, offset=(page - 1) * per_page)
        else:
            found = self._tickets.with_correlation(wanted) if wanted is not None else self._by_change()
            found = [ticket for ticket in found if status in (None, ticket["status"])]
            total, results = len(found), found[(page - 1) * per_page : page * per_page]
        return reply({"results": results, "total": total, "page": page, "per_page": per_page})

    def _by_change(self) -> list[Document]:
        return self._tickets.newest(limit=self.store.count("ticket"))

    def _create(self, call: Call) -> Response:
        ticket = self._tickets.create(self._values(call, TICKET_FIELDS, complete=True), by="API")
        call.ids.append(ticket["id"])
        self._echo(ticket)
        return reply(ticket, 201, headers={"Location": f"/api/tickets/{ticket['id']}"})

    def _read(self, call: Call, ticket_id: int) -> Response:
        return reply(self._ticket(ticket_id))

    def _replace(self, call: Call, ticket_id: int) -> Response:
        self._ticket(ticket_id)
        values = self._values(call, TICKET_FIELDS, complete=True)
        defaults = {field.name: field.default for field in TICKET_FIELDS if not field.read_only}
        return self._changed(ticket_id, {**defaults, **values})

    def _patch(self, call: Call, ticket_id: int) -> Response:
        self._ticket(ticket_id)
        return self._changed(ticket_id, self._values(call, TICKET_FIELDS, complete=False))

    def _changed(self, ticket_id: int, values: dict[str, Any]) -> Response:
        ticket, differs = self._tickets.change(ticket_id, values, by="API")
        if differs:
            self._echo(ticket)
        return reply(ticket)

    def _list_notes(self, call: Call, ticket_id: int) -> Response:
        self._ticket(ticket_id)
        notes = self._tickets.notes(ticket_id)
        return reply({"results": notes, "total": len(notes)})

    def _add_note(self, call: Call, ticket_id: int) -> Response:
        ticket = self._ticket(ticket_id)
        note = self._tickets.add_note(ticket_id, self._values(call, NOTE_FIELDS, complete=True), by="API")
        self._echo(ticket)
        return reply(note, 201)

    def _metadata(self, call: Call) -> Response:
        return reply({"object": "ticket", "fields": [_field_info(field) for field in TICKET_FIELDS]})

    def _ticket(self, number: int) -> Document:
        try:
            ticket: Document = self._tickets.row(number)["ticket"]
        except KeyError:
            raise self.refuse(404, f"There is no ticket {number}.") from None
        return ticket

    def _values(self, call: Call, fields: tuple[Field, ...], *, complete: bool) -> dict[str, Any]:
        if call.request.mimetype != "application/json":
            raise self.refuse(415, "Send JSON with Content-Type application/json.")
        values = call.json_object()
        if found := problems(values, fields, complete=complete):
            raise self.refuse(422, "Some fields cannot be stored.", found)
        call.correlation = values.get("correlation", "")
        return values

    # Tokens

    def _token(self, call: Call) -> Response:
        form, authorization = call.request.form, call.request.authorization
        client, word = form.get("client_id", ""), form.get("client_secret", "")
        if authorization is not None and authorization.type == "basic":
            client, word = authorization.username or "", authorization.password or ""
        if not (_same(client, OAUTH_ID) and _same(word, OAUTH_WORD)):
            return reply({"error": "invalid_client", "error_description": "Unknown client or wrong secret."}, 401)
        if form.get("grant_type") != "client_credentials":
            return reply({"error": "unsupported_grant_type", "error_description": "Use client_credentials."}, 400)
        token, seconds = secrets.token_urlsafe(24), self.setting("token_seconds")
        self.store.set_setting(f"token {token}", time.time() + seconds)
        return reply({"access_token": token, "token_type": "Bearer", "expires_in": seconds})

    def _revoke(self, call: Call) -> Response:
        return reply({"revoked": self.store.drop_settings("token ")})

    # People, and calls to the broker

    def state(self) -> dict[str, Any]:
        return {
            "tickets": self._tickets.shown(limit=SHOWN_TICKETS),
            "total": self.store.count("ticket"),
            "settings": {name: self.setting(name) for name in ("trigger_url", "auto_send", "echo")},
            "choices": {field.name: field.choices for field in TICKET_FIELDS if field.choices},
        }

    def _person_creates(self, call: Call) -> Response:
        ticket = self._tickets.create(self._page_values(call, complete=True), by="Person")
        self._auto_send(ticket)
        return reply(ticket, 201)

    def _person_changes(self, call: Call, ticket_id: int) -> Response:
        self._ticket(ticket_id)
        ticket, differs = self._tickets.change(ticket_id, self._page_values(call, complete=False), by="Person")
        if differs:
            self._auto_send(ticket)
        return reply(ticket)

    def _person_sends(self, call: Call, ticket_id: int) -> Response:
        ticket = self._ticket(ticket_id)
        if not self.setting("trigger_url"):
            raise call.refuse(409, "No trigger URL is set: give the broker's to POST /control/settings.")
        self._send(ticket)
        return reply({"sent": True}, 202)

    def _page_values(self, call: Call, *, complete: bool) -> dict[str, Any]:
        return self._values(call, tuple(f for f in TICKET_FIELDS if f.name in PAGE_FIELDS), complete=complete)

    def _auto_send(self, ticket: Document) -> None:
        if self.setting("auto_send"):
            self._send(ticket)

    def _echo(self, ticket: Document) -> None:
        """What the broker writes is not told to the broker, unless a test asks for exactly that."""
        if self.setting("echo"):
            self._send(ticket)

    def _send(self, ticket: Document) -> None:
        url = self.setting("trigger_url")
        if not url:
            return
        self._tickets.set_trigger(ticket["id"], "sending")
        self._courier.post(
            key=str(ticket["id"]), url=url, body=json.dumps({"id": ticket["id"]}), subject=str(ticket["id"])
        )

    def _settle(self, job: Job, outcome: Outcome) -> None:
        answer = outcome.error if outcome.status is None else f"HTTP {outcome.status}"
        retried = outcome.is_temporary and job.attempt <= len(TRIGGER_WAITS)
        result = "sent" if outcome.delivered else f"failed, {answer}" + (", trying again" if retried else "")
        self._tickets.set_trigger(int(job.subject), result)


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _field_info(field: Field) -> dict[str, Any]:
    info: dict[str, Any] = {
        "name": field.name,
        "label": field.label,
        "type": field.kind,
        "required": field.required,
        "read_only": field.read_only,
        "help": field.help,
    }
    if field.choices:
        info["choices"] = list(field.choices)
    return info
