"""A simulated Field Nation: REST v2 for work orders, webhooks v3, and control calls that act for people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from werkzeug.wrappers import Response

from .calls import Call, Knob, Refusal, Route, reply
from .fn import lookups
from .fn.account import Account
from .fn.acts import Acts
from .fn.deliveries import Deliveries
from .fn.events import NAMES
from .fn.hooks import Hooks
from .fn.orders import Missing, NotAllowed, Orders
from .fn.parts import BadValue
from .fn.problems import STYLES, rest_error, token_error, webhook_error
from .fn.rest import Rest
from .simulator import Simulator
from .store import Document

CLIENT_ID = "fieldnation-sandbox-client"
CLIENT_WORD = "fieldnation-sandbox-client-word"
USERNAME = "api.user@example.test"
USER_WORD = "fieldnation-sandbox-word"
API_USER_ID = lookups.API_USER_ID
TOKEN_PATH = "/authentication/api/oauth/token"  # noqa: S105 - a path
WEBHOOKS = "/api/v1/webhooks"
SHOWN_WORK_ORDERS = 60
SHOWN_MESSAGES = 3


class FieldNationSim(Simulator):
    """``app`` is the WSGI application. ``store_path`` None keeps the data in memory.

    Credentials: the constants of this module. ``first_wait`` is the pause in seconds before a webhook's second attempt
    (the real one is 10; each further pause doubles), ``webhook_timeout`` in seconds is how long an answer may take.
    """

    page = "fieldnation.html"
    api_prefixes = ("/api/", "/authentication/")
    knobs: ClassVar[Mapping[str, Knob]] = {
        "error_style": Knob("problem", lambda value: value in STYLES, f"one of {', '.join(STYLES)}"),
        "token_seconds": Knob(3600, lambda v: type(v) is int and 1 <= v <= 86_400, "a whole number from 1 to 86400"),
    }

    def __init__(
        self, store_path: Path | str | None = None, *, first_wait: float = 0.5, webhook_timeout: float = 30.0
    ) -> None:
        self._first_wait = first_wait
        self._webhook_timeout = webhook_timeout
        super().__init__(store_path)

    def build(self) -> None:
        self._deliveries = Deliveries(self.store, first_wait=self._first_wait, timeout=self._webhook_timeout)
        self._orders = Orders(self.store, self._deliveries.announce)
        self._acts = Acts(self._orders)

    def close(self) -> None:
        self._deliveries.courier.close()
        super().close()

    def forget(self) -> None:
        self._deliveries.courier.forget()
        super().forget()

    def work_orders(self) -> list[Document]:
        """All work orders by number, as the API gives them."""
        with self.store.transaction():
            return [row["work_order"] for row in self.store.all("work_order")]

    def messages(self, work_order_id: int) -> list[Document]:
        """The messages of a work order, oldest first, replies included."""
        with self.store.transaction():
            return self._orders.messages(work_order_id)

    def deliveries(self) -> list[Document]:
        """The delivery log, one row per attempt in the order in which they ended."""
        with self.store.transaction():
            return self.store.all("delivery")

    def act(self, action: str, work_order_id: int = 0, **facts: Any) -> Document:
        """Do as ``POST /control/act``; answers the work order. Raises Missing, NotAllowed, BadValue."""
        with self.store.transaction():
            return self._act(action, work_order_id, facts, site="")

    def idle(self) -> bool:
        """True when no webhook is under way or waiting, retries included."""
        return self._deliveries.courier.idle()

    def routes(self) -> Iterable[Route]:
        rest = [*Rest(self._orders).routes(), *Account(self._orders).routes()]
        return [
            *(replace(route, endpoint=self._guarded(route.endpoint)) for route in rest),
            *Hooks(self.store, self._deliveries).routes(),
            Route("POST", TOKEN_PATH, self._token),
            Route("POST", "/control/act", self._guarded(self._control_act)),
            Route("POST", "/control/tokens/revoke", self._revoke),
            Route("POST", "/ui/act", self._guarded(self._control_act)),
        ]

    # Errors and access

    def refusal(self, path: str, status: int, sentence: str) -> Refusal:
        if path.startswith("/authentication/"):
            return token_error(status, sentence)
        if path.startswith(WEBHOOKS):
            return Refusal(webhook_error(status, sentence, path))
        return self._rest_refusal(status, sentence)

    def _rest_refusal(self, status: int, sentence: str, where: str = "") -> Refusal:
        place = {"parameter": where[1:]} if where.startswith("?") else {"pointer": where}
        style = self.store.setting("error_style", "problem")
        return Refusal(rest_error(status, sentence, style=style, **place))

    def _guarded(self, endpoint: Callable[..., Response]) -> Callable[..., Response]:
        """Translate what the inner parts raise."""

        def run(call: Call, **arguments: Any) -> Response:
            try:
                return endpoint(call, **arguments)
            except Missing as error:
                raise self._rest_refusal(404, str(error)) from error
            except NotAllowed as error:
                raise self._rest_refusal(400, str(error)) from error
            except BadValue as error:
                raise self._rest_refusal(400, error.sentence, error.pointer) from error

        return run

    def authenticate(self, call: Call, access: str) -> None:
        """REST takes the token in the query, the webhooks API as bearer."""
        request = call.request
        if access == "rest":
            token, place = request.args.get("access_token", ""), "in the query as access_token"
        else:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            token, place = token if scheme.lower() == "bearer" else "", "as Authorization: Bearer"
        if not token:
            raise call.refuse(401, f"Send the access token {place}.")
        kept = self.store.setting(f"token {token}", {"until": 0, "grant": ""})
        if kept["until"] <= time.time():
            raise call.refuse(401, "The access token is unknown, expired or revoked.")
        if access == "rest" and kept["grant"] != "password":
            raise call.refuse(401, "Tokens of client_credentials do not open the REST API; sign in with password.")
        call.user_id = API_USER_ID
        acting = request.args.get("acting_user_id", "")
        if access == "rest" and acting:
            if not acting.isdecimal() or lookups.user(int(acting)) is None:
                raise call.refuse(400, f"There is no user {acting} to act for.")
            call.user_id = int(acting)

    def _token(self, call: Call) -> Response:
        """JSON as documented for REST, or form-encoded as in the webhook guides."""
        given: dict[str, Any] = dict(call.request.form) if call.request.form else call.json_object()
        grant = given.get("grant_type")
        required = {"client_id": CLIENT_ID, "client_secret": CLIENT_WORD}
        if grant == "password":
            required |= {"username": USERNAME, "password": USER_WORD}
        elif grant != "client_credentials":
            raise token_error(400, "grant_type must be password or client_credentials.")
        if missing := [name for name in required if not isinstance(given.get(name), str) or not given[name]]:
            raise token_error(400, f"Missing: {', '.join(missing)}.")
        if not all(secrets.compare_digest(given[name].encode(), word.encode()) for name, word in required.items()):
            raise token_error(401, "The client or user is unknown, or a secret is wrong.")
        token, seconds = secrets.token_urlsafe(24), self.setting("token_seconds")
        self.store.set_setting(f"token {token}", {"until": time.time() + seconds, "grant": grant})
        answer = {"access_token": token, "expires_in": seconds, "token_type": "Bearer", "scope": ""}
        return reply({**answer, "refresh_token": secrets.token_urlsafe(24)})

    def _revoke(self, call: Call) -> Response:
        return reply({"revoked": self.store.drop_settings("token ")})

    # People

    def _control_act(self, call: Call) -> Response:
        body = call.json_object()
        action, number = body.pop("action", None), body.pop("work_order_id", 0)
        if not isinstance(action, str) or type(number) is not int:
            raise BadValue("/action", "Give action as a text and work_order_id as a number.")
        return reply(self._act(action, number, body, site=call.request.host_url))

    def _act(self, action: str, number: int, facts: dict[str, Any], *, site: str) -> Document:
        if action == "create":
            return self._acts.create(facts, site=site)
        return self._acts.perform(action, number, facts)

    def state(self) -> dict[str, Any]:
        rows = self.store.newest("work_order", limit=SHOWN_WORK_ORDERS)
        return {
            "work_orders": [self._shown(row) for row in rows],
            "total": self.store.count("work_order"),
            "providers": lookups.PROVIDERS,
            "webhooks": [
                {"url": hook["url"], "status": hook["status"], "events": len(hook["events"]), "of": len(NAMES)}
                for hook in self.store.all("webhook")
            ],
        }

    def _shown(self, row: Document) -> Document:
        order = row["work_order"]
        messages = self._orders.messages(order["id"])
        return {
            "id": order["id"],
            "mark": order["correlation_id"],
            "title": order["title"],
            "status": order["status"]["name"],
            "sub_status": order["status"]["sub_status"],
            "assignee": " ".join(order["assignee"]["user"][part] for part in ("first_name", "last_name")).strip(),
            "incident_id": order["incident_id"],
            "custom_fields": [
                {"name": field["name"], "value": field["value"]}
                for group in order["custom_fields"]["results"]
                for field in group["results"]
                if field["value"]
            ],
            "place": ", ".join(filter(None, (order["location"]["city"], order["location"]["state"]))),
            "start": order["schedule"]["service_window"]["start"]["local"],
            "zone": order["schedule"]["time_zone"]["short"],
            "pay": order["pay"]["total"],
            "closing_notes": order["closing_notes"],
            "problems": sum(not problem["resolved"] for problem in order["problems"]["results"]),
            "messages": [
                {"from": message["from"]["name"], "role": message["role"], "text": message["message"]}
                for message in messages[-SHOWN_MESSAGES:]
            ],
            "change": row.get("change"),
            "delivery": self.store.get("last delivery", order["id"]),
        }
