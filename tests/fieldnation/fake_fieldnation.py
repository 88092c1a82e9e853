"""A small stateful Field Nation on loopback: what is documented of it, its silence about wrong shapes included."""

from __future__ import annotations

import copy
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

ZONE = ZoneInfo("America/Chicago")
CUSTOM_FIELDS = ((611, "Ticket number", "text"), (612, "Estimate", "numeric"), (613, "Gate code", "text"))
LOCKED = ("Paid", "Cancelled", "Deleted")


@dataclass
class Fault:
    """``status`` and ``body`` answered instead; ``after`` processes the call first; ``cut`` closes the connection."""

    method: str
    path: str
    times: int = 1
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    cut: bool = False


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class FakeFieldNation:
    """Start with ``with FakeFieldNation() as fake``; ``fake.url`` is the API base."""

    def __init__(self) -> None:
        self.work_orders: dict[int, dict[str, Any]] = {}
        self.threads: dict[int, list[dict[str, Any]]] = {}
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.tokens: set[str] = set()
        self.sign_ins: list[dict[str, Any]] = []
        self.sign_in_types: list[str] = []
        self.faults: list[Fault] = []
        self.ignored_at_create: set[str] = set()
        self.ignored_always: set[str] = set()
        self.rewrite: Callable[[dict[str, Any]], None] = lambda work_order: None
        self.created_at = "2026-06-29 08:00:00"
        self.missing_status = 404
        self._lock = threading.Lock()

    def __enter__(self) -> FakeFieldNation:
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Handler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calls(self, *, writes_only: bool = True) -> list[tuple[str, str]]:
        """Method and path of the REST calls so far."""
        return [
            (method, path)
            for method, path, _, _ in self.requests
            if path.startswith("/workorders") and not (writes_only and method == "GET")
        ]

    def body_of(self, method: str, path: str) -> Any:
        return next(body for m, p, _, body in reversed(self.requests) if (m, p) == (method, path))

    # --- serving ---

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        raw = request.get_data()
        with self._lock:
            response = self._answer(request, raw)
        if response is None:
            with suppress(OSError):
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        return response(environ, start_response)

    def _answer(self, request: Request, raw: bytes) -> Response | None:
        if request.path == "/authentication/api/oauth/token":
            fault = self._fault(request.method, "/token")
            return self._faulty(fault) if fault else self._sign_in(request, raw)
        path = request.path.removeprefix("/api/rest/v2")
        query = request.args.to_dict()
        body = json.loads(raw) if raw else None
        self.requests.append((request.method, path, query, body))
        fault = self._fault(request.method, path)
        if fault and not fault.after:
            return None if fault.cut else self._faulty(fault)
        if query.get("access_token") not in self.tokens:
            return _json({"status_code": 401, "message": "Invalid access token"}, 401)
        try:
            answer = self._route(request.method, path, query, body)
        except Refused as refused:
            return _json({"status": refused.status, "message": refused.message}, refused.status)
        if fault:
            return None if fault.cut else self._faulty(fault)
        return _json(answer)

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and path.endswith(fault.path):
                fault.times -= 1
                return fault
        return None

    def _faulty(self, fault: Fault) -> Response:
        if isinstance(fault.body, str):
            return Response(fault.body, fault.status, fault.headers, content_type="text/html")
        response = _json(fault.body, fault.status)
        response.headers.extend(fault.headers)
        return response

    def _sign_in(self, request: Request, raw: bytes) -> Response:
        given = request.form.to_dict() if request.mimetype.endswith("form-urlencoded") else json.loads(raw)
        self.sign_ins.append(given)
        self.sign_in_types.append(request.mimetype)
        needed = {"client_id": "client-1", "client_secret": "made-up-client-secret"}
        if given.get("grant_type") == "password":
            needed |= {"username": "api.user@example.test", "password": "made-up-password"}
        if any(given.get(name) != value for name, value in needed.items()):
            return _json({"status_code": 401, "message": f"Bad credentials {given.get('password')}"}, 401)
        token = f"made-up-token-{len(self.sign_ins)}"
        self.tokens.add(token)
        return _json({"access_token": token, "expires_in": 3600, "token_type": "Bearer", "refresh_token": "r" * 12})

    # --- work orders ---

    def _route(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        parts = path.strip("/").split("/")
        if parts == ["workorders"]:
            return self._list(query) if method == "GET" else self._create(body)
        number = int(parts[1])
        if number not in self.work_orders:
            raise Refused(self.missing_status, "401 Unauthorized work order")
        work_order = self.work_orders[number]
        if len(parts) == 2:
            return self._whole(method, work_order, query, body)
        if method == "PUT" and work_order["status"]["name"] in LOCKED:
            raise Refused(400, f"Work order is {work_order['status']['name']}.")
        handler = getattr(self, f"_{method.lower()}_{parts[2].replace('-', '_')}", None)
        if handler is None:
            raise Refused(404, f"No route {method} {path}")
        answer = handler(work_order, query, body, *parts[3:])
        self.rewrite(work_order)
        return answer

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        if not body.get("title"):
            raise Refused(400, "title is required")
        work_order = blank(4410001 + len(self.work_orders), self.created_at)
        self.work_orders[work_order["id"]] = work_order
        self.threads[work_order["id"]] = []
        self._write(work_order, {k: v for k, v in body.items() if k not in self.ignored_at_create})
        self.rewrite(work_order)
        return copy.deepcopy(work_order)

    def _whole(self, method: str, work_order: dict[str, Any], query: dict[str, str], body: Any) -> Any:
        if method == "DELETE":
            if not query.get("cancel_reason"):
                raise Refused(400, "cancel_reason is required")
            self._move(work_order, "Cancelled", "Draft", "Published", "Routed", "Assigned")
        elif method == "PUT":
            if work_order["status"]["name"] in LOCKED:
                raise Refused(400, f"Work order is {work_order['status']['name']}.")
            self._write(work_order, body)
            self.rewrite(work_order)
        return work_order

    def _write(self, work_order: dict[str, Any], body: dict[str, Any]) -> None:
        """Known members in the right shape are kept; everything else vanishes without a word."""
        for name, value in body.items():
            if name in self.ignored_always:
                continue
            if name in ("title", "incident_id") and isinstance(value, str):
                work_order[name] = value
            elif (
                name in ("description", "confidential")
                and isinstance(value, dict)
                and isinstance(value.get("html"), str)
            ):
                work_order[name] = {"html": value["html"], "markdown": value["html"]}
            elif name == "types_of_work" and isinstance(value, list):
                work_order[name] = [{**item, "name": f"Type {item['id']}"} for item in value]
            elif name in ("client", "project", "template", "manager", "team", "service_contract"):
                work_order[name] = {"id": float(value["id"]), "name": "Somebody"}
            elif name in ("require_ontime", "allow_counter_offers", "require_gps", "printable"):
                work_order[name] = value
            elif name == "location":
                self._put_location(work_order, {}, value)
            elif name == "schedule":
                self._put_schedule(work_order, {}, value, strict=False)
            elif name == "pay":
                self._put_pay(work_order, {}, value)
            elif name == "contacts" and isinstance(value, dict):
                for contact in value["results"]:
                    self._post_contacts(work_order, {}, contact)
            elif name == "custom_fields" and isinstance(value, dict):
                for group in value.get("results", []):
                    for wanted in group.get("results", []):
                        self._put_custom_fields(work_order, {}, {"value": wanted["value"]}, str(wanted["id"]))

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("list") != "workorders_all" or query.get("sticky") != "false":
            return {"metadata": {"total": 0, "page": 1, "pages": 1}, "results": []}
        rows = sorted(self.work_orders.values(), key=lambda row: row["id"], reverse=query.get("order") == "desc")
        per_page, page = int(query.get("per_page", 25)), int(query.get("page", 1))
        columns = query.get("columns", "id").split(",")
        shown = [{name: row[name] for name in columns} for row in rows[(page - 1) * per_page : page * per_page]]
        pages = max(1, -(-len(rows) // per_page))
        return {"metadata": {"total": len(rows), "page": page, "pages": pages, "per_page": per_page}, "results": shown}

    # --- parts, named by method and path ---

    def _put_location(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        if "location" in self.ignored_always or value.get("mode") not in ("custom", "location", "remote"):
            return work_order["location"]
        texts = ("mode", "address1", "address2", "city", "state", "zip", "country", "display_name")
        kept = {name: value[name] for name in texts if isinstance(value.get(name), str)}
        if len(kept.get("country", "US")) != 2:
            raise Refused(400, "country must have two letters")
        work_order["location"] |= kept
        for name in ("type", "saved_location"):
            if isinstance(value.get(name), dict) and value[name].get("id"):
                work_order["location"][name] = {"id": value[name]["id"], "name": ""}
        return work_order["location"]

    def _put_schedule(self, work_order: dict[str, Any], _: Any, value: Any, *, strict: bool = True) -> Any:
        if "schedule" in self.ignored_always:
            return work_order["schedule"]
        window = value.get("service_window")
        if strict and not (window and all("local" in window.get(edge, {}) for edge in ("start", "end"))):
            raise Refused(400, "start and end need local")
        if window and window.get("mode") in ("exact", "between", "hours"):
            edges = {edge: moment(window[edge]["utc"]) for edge in ("start", "end") if edge in window}
            if strict and [window[edge]["local"] for edge in edges] != [moment["local"] for moment in edges.values()]:
                raise Refused(400, "local and utc disagree")
            edges.setdefault("end", edges["start"])
            work_order["schedule"]["service_window"] = {"mode": window["mode"], **edges}
        return work_order["schedule"]

    def _put_pay(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        if work_order["status"]["name"] in ("Work Done", "Approved"):
            raise Refused(400, "pay cannot be changed")
        if "pay" not in self.ignored_always and value.get("type") in ("fixed", "hourly", "device", "blended"):
            work_order["pay"]["type"] = value["type"]
            for part in ("base", "additional"):
                work_order["pay"][part] |= value.get(part, {})
        return work_order["pay"]

    def _put_custom_fields(self, work_order: dict[str, Any], _: Any, value: Any, number: str) -> Any:
        for group in work_order["custom_fields"]["results"]:
            for found in group["results"]:
                if found["id"] == int(number) and isinstance(value.get("value"), str):
                    found["value"] = value["value"]
                    if "internal_id" in found["flags"]:
                        work_order["custom_fields"]["internal"] = {k: found[k] for k in ("id", "name", "value", "role")}
                    return work_order
        raise Refused(400, f"No custom field {number}")

    def _put_incident(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        work_order["incident_id"] = value["incident_id"]
        return {"revisit": True}

    def _delete_incident(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        work_order["incident_id"] = ""
        return {}

    def _post_contacts(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        blank_contact = dict.fromkeys(("name", "role", "phone", "ext", "email", "notes"), "")
        rows = work_order["contacts"]["results"]
        rows.append({"id": len(rows) + 1, **blank_contact, **value})
        return work_order

    def _put_contacts(self, work_order: dict[str, Any], _: Any, value: Any, number: str) -> Any:
        next(row for row in work_order["contacts"]["results"] if row["id"] == int(number)).update(value)
        return work_order

    def _post_tags(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        work_order["tags"]["results"].append({"id": value["id"], "label": "Tag"})
        return work_order

    def _get_messages(self, work_order: dict[str, Any], *_: Any) -> Any:
        return {"results": self.threads[work_order["id"]][::-1]}

    def _post_messages(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        thread = self.threads[work_order["id"]]
        thread.append({"msg_id": str(len(thread) + 1), "replies": [], **value})
        return self._get_messages(work_order)

    def _post_publish(self, work_order: dict[str, Any], *_: Any) -> Any:
        if not (work_order["location"]["mode"] and work_order["pay"]["type"]):
            raise Refused(400, "Publishing needs a location and pay")
        return self._move(work_order, "Published", "Draft")

    def _delete_publish(self, work_order: dict[str, Any], *_: Any) -> Any:
        return self._move(work_order, "Draft", "Published")

    def _delete_draft(self, work_order: dict[str, Any], *_: Any) -> Any:
        return self._move(work_order, "Draft", "Routed")

    def _post_route(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        self._move(work_order, "Routed", "Draft", "Published")
        return {"id": value["technician"]["id"]}

    def _post_assignee(self, work_order: dict[str, Any], _: Any, value: Any) -> Any:
        self._move(work_order, "Assigned", "Draft", "Published", "Routed")
        work_order["assignee"] = {"user": {"id": value["user"]["id"], "first_name": "Rui"}}
        return None

    def _delete_complete(self, work_order: dict[str, Any], query: dict[str, str], _: Any) -> Any:
        if not (query.get("reason") and query.get("reason_id")):
            raise Refused(400, "reason and reason_id are required")
        return self._move(work_order, "Assigned", "Work Done")

    def _post_approve(self, work_order: dict[str, Any], *_: Any) -> Any:
        return self._move(work_order, "Approved", "Work Done")

    def _move(self, work_order: dict[str, Any], name: str, *allowed: str) -> dict[str, Any]:
        if work_order["status"]["name"] not in allowed:
            raise Refused(400, f"A work order that is {work_order['status']['name']} cannot become {name}")
        work_order["status"] = {"id": 0, "name": name, "display": name, "is_routed": name == "Routed"}
        return work_order


def blank(number: int, created_at: str) -> dict[str, Any]:
    unset = {"utc": "", "local": {"date": "", "time": ""}}
    fields = [
        {
            "id": i,
            "name": name,
            "type": kind,
            "role": "buyer",
            "flags": ["internal_id"] if i == 611 else [],
            "value": "",
        }
        for i, name, kind in CUSTOM_FIELDS
    ]
    return {
        "id": number,
        "title": "",
        "status": {"id": 1, "name": "Draft", "display": "Draft", "is_routed": False},
        "description": {"html": "", "markdown": ""},
        "types_of_work": [],
        "assignee": {"user": {"id": 0}},
        "location": {"mode": "", "address1": "", "city": "", "state": "", "zip": "", "country": ""},
        "schedule": {
            "service_window": {"mode": "", "start": unset, "end": unset},
            "time_zone": {"id": 3, "name": "America/Chicago", "short": "CDT", "offset": -300},
        },
        "pay": {"type": "", "base": {"amount": 0, "units": 0}, "additional": {"amount": 0, "units": 0}},
        "custom_fields": {
            "results": [{"id": 1, "name": "Buyer fields", "role": "buyer", "results": fields}],
            "internal": {"id": 0, "name": "", "value": "", "role": ""},
        },
        "contacts": {"results": []},
        "tags": {"results": []},
        "messages": {"metadata": {"total": 0}},
        "milestones": {"created": {"utc": created_at}},
        "incident_id": "",
    }


def moment(utc: str) -> dict[str, Any]:
    at = datetime.strptime(utc + " +0000", "%Y-%m-%d %H:%M:%S %z").astimezone(ZONE)
    return {"utc": utc, "local": {"date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M:%S}"}}


def later(utc: str, **delta: int) -> str:
    at = datetime.strptime(utc + " +0000", "%Y-%m-%d %H:%M:%S %z") + timedelta(**delta)
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _json(value: Any, status: int = 200) -> Response:
    return Response("" if value is None else json.dumps(value), status, content_type="application/json")
