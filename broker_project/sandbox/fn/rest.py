"""The REST v2 calls of work orders: their actions and sub-resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from broker_project.sandbox.calls import Call, Route, reply

from .listing import list_work_orders
from .lists import Attachments, Collections
from .messages import Messages, Problems
from .orders import Missing, NotAllowed, Orders
from .parts import BadValue, write_location, write_pay, write_schedule
from .shapes import WorkOrder, custom_field
from .status import Moves
from .writes import PAY_LOCKED, set_custom_value

BASE = "/api/rest/v2"
ONE = f"{BASE}/workorders/<int:number>"
Row = dict[str, Any]
PARTS = "schedule,eta,location,pay,custom_fields,status,milestones"
LISTED = ",".join(Collections.readers)


class Rest:
    """Endpoints with access "rest". They raise Missing, NotAllowed and BadValue, which the simulator answers."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._moves = Moves(orders)
        self._lists = Collections(orders)
        self._messages = Messages(orders)
        self._problems = Problems(orders)
        self._attachments = Attachments(orders)

    def routes(self) -> list[Route]:
        return [Route(method, path, endpoint, "rest") for method, path, endpoint in self._table()]

    def _table(self) -> list[tuple[str, str, Callable[..., Response]]]:
        part, row, folder = f"{ONE}/<any({LISTED}):name>", "/<int:row_id>", f"{ONE}/attachments/<int:folder_id>"
        return [
            ("GET", f"{BASE}/workorders", self._list),
            ("POST", f"{BASE}/workorders", self._create),
            ("GET", ONE, self._read),
            ("PUT", ONE, self._update),
            ("DELETE", ONE, self._cancel),
            (
                "GET",
                f"{ONE}/<any({PARTS}):name>",
                self._part,
            ),
            ("PUT", f"{ONE}/schedule", self._write_schedule),
            ("PUT", f"{ONE}/location", self._write_location),
            ("PUT", f"{ONE}/pay", self._write_pay),
            ("PUT", f"{ONE}/custom_fields/<int:field_id>", self._write_custom_field),
            ("PUT", f"{ONE}/incident", self._write_incident),
            ("DELETE", f"{ONE}/incident", self._clear_incident),
            ("POST", f"{ONE}/publish", self._action(self._moves.publish)),
            ("DELETE", f"{ONE}/publish", self._action(self._moves.back_to_draft)),
            ("DELETE", f"{ONE}/draft", self._action(self._moves.back_to_draft)),
            ("POST", f"{ONE}/approve", self._action(self._moves.approve)),
            ("POST", f"{ONE}/route", self._route),
            ("DELETE", f"{ONE}/route", self._unroute),
            ("POST", f"{ONE}/mass-route", self._mass_route),
            ("POST", f"{ONE}/assignee", self._assign),
            ("DELETE", f"{ONE}/assignee", self._unassign),
            ("DELETE", f"{ONE}/complete", self._incomplete),
            ("GET", f"{ONE}/messages", self._list_messages),
            ("POST", f"{ONE}/messages", self._add_message),
            ("POST", f"{ONE}/messages/<message_id>", self._add_message),
            ("GET", f"{ONE}/problems", lambda call, number: reply(self._orders.get(number)["problems"])),
            ("POST", f"{ONE}/problems", self._report_problem),
            ("GET", f"{ONE}/problems{row}", self._one_problem),
            ("PUT", f"{ONE}/problems{row}", self._resolve_problem),
            ("GET", f"{ONE}/tags", lambda call, number: reply(self._orders.get(number)["tags"])),
            ("POST", f"{ONE}/tags", self._tag),
            ("DELETE", f"{ONE}/tags{row}", self._untag),
            ("GET", part, lambda call, number, name: reply(self._lists.page(number, name))),
            ("POST", part, self._add_row),
            ("GET", part + row, lambda call, number, name, row_id: reply(self._lists.one(number, name, row_id))),
            ("PUT", part + row, self._change_row),
            ("DELETE", part + row, self._remove_row),
            ("PUT", f"{ONE}/<any(tasks,time_logs):name>", self._change_rows),
            ("GET", f"{ONE}/attachments", lambda call, number: reply(self._orders.get(number)["attachments"])),
            ("POST", f"{ONE}/attachments", self._add_folder),
            ("POST", folder, self._upload),
            ("PUT", f"{folder}/<int:file_id>", self._change_file),
            ("DELETE", f"{folder}/<int:file_id>", self._remove_file),
        ]

    # Work orders

    def _list(self, call: Call) -> Response:
        return reply(list_work_orders(self._orders.store, call.request.args, user_id=call.user_id))

    def _create(self, call: Call) -> Response:
        body = call.json_object()
        if not isinstance(body.get("title"), str) or not body["title"].strip():
            raise BadValue("/title", "title is required.")
        call.correlation = str(body.get("incident_id") or "")
        order, call.dropped = self._orders.create(body, user_id=call.user_id, site=call.request.host_url)
        call.ids.append(order["id"])
        return reply(order)

    def _read(self, call: Call, number: int) -> Response:
        order = self._orders.get(number)
        columns = set(filter(None, call.request.args.get("columns", "").split(",")))
        return reply({name: order[name] for name in order if not columns or name in columns or name == "id"})

    def _update(self, call: Call, number: int) -> Response:
        order, call.dropped = self._orders.update(number, call.json_object(), user_id=call.user_id)
        return reply(order)

    def _cancel(self, call: Call, number: int) -> Response:
        if not call.request.args.get("cancel_reason"):
            raise BadValue("?cancel_reason", "cancel_reason is required in the query.")
        return self._action(self._moves.cancel)(call, number)

    def _part(self, call: Call, number: int, name: str) -> Response:
        return reply(self._orders.get(number)[name])

    def _changed(self, call: Call, number: int, write: Callable[[WorkOrder], list[str]]) -> WorkOrder:
        """Run ``write`` on a work order that is not locked, and save what it changed."""
        order = self._orders.unlocked(number)
        before = self._orders.get(number)
        call.dropped = write(order)
        self._orders.save_changes(before, order, user_id=call.user_id)
        return order

    def _write_schedule(self, call: Call, number: int) -> Response:
        body = call.json_object()

        def write(order: WorkOrder) -> list[str]:
            dropped = write_schedule(order, body)
            if "service_window" not in body or any(path.startswith("schedule.service_window") for path in dropped):
                raise BadValue(
                    "/service_window",
                    "service_window is required, with mode and with start and end as objects of utc and local.",
                )
            return dropped

        return reply(self._changed(call, number, write)["schedule"])

    def _write_location(self, call: Call, number: int) -> Response:
        body = call.json_object()
        return reply(self._changed(call, number, lambda order: write_location(order, body))["location"])

    def _write_pay(self, call: Call, number: int) -> Response:
        body = call.json_object()
        for name in ("type", "base"):
            if name not in body:
                raise BadValue(f"/{name}", f"{name} is required.")

        def write(order: WorkOrder) -> list[str]:
            if order["status"]["name"] in PAY_LOCKED:
                raise NotAllowed(f"The pay of a work order that is {order['status']['name']} cannot be changed.")
            return write_pay(order, body)

        return reply(self._changed(call, number, write)["pay"])

    def _write_custom_field(self, call: Call, number: int, field_id: int) -> Response:
        value = call.json_object().get("value")
        if not isinstance(value, str):
            raise BadValue("/value", "value is required and must be a text.")

        def write(order: WorkOrder) -> list[str]:
            field = custom_field(order, field_id)
            if field is None:
                raise Missing(f"Work order {number} has no custom field {field_id}.")
            set_custom_value(field, value)
            return []

        return reply(self._changed(call, number, write))

    def _write_incident(self, call: Call, number: int) -> Response:
        value = call.json_object().get("incident_id")
        if not isinstance(value, str):
            raise BadValue("/incident_id", "incident_id is required and must be a text.")
        return self._set_incident(call, number, value)

    def _clear_incident(self, call: Call, number: int) -> Response:
        return self._set_incident(call, number, "")

    def _set_incident(self, call: Call, number: int, value: str) -> Response:
        def write(order: WorkOrder) -> list[str]:
            order["incident_id"] = value
            return []

        order = self._changed(call, number, write)
        return reply({**order["site_revisit"], "work_order_id": number, "incident_id": order["incident_id"]})

    # Actions

    def _action(self, move: Callable[..., None]) -> Callable[..., Response]:
        def endpoint(call: Call, number: int) -> Response:
            order = self._orders.get(number)
            move(order, user_id=call.user_id)
            return reply(order)

        return endpoint

    def _route(self, call: Call, number: int) -> Response:
        order, provider = self._orders.get(number), _id_in(call.json_object(), "technician")
        self._moves.route(order, [provider], user_id=call.user_id)
        return reply({"id": number})

    def _unroute(self, call: Call, number: int) -> Response:
        order, provider = self._orders.get(number), _id_in(call.json_object(), "technician")
        self._moves.unroute(order, provider, user_id=call.user_id)
        return reply({name: order[name] for name in ("id", "status", "routes")})

    def _mass_route(self, call: Call, number: int) -> Response:
        ids = call.json_object().get("ids")
        if not isinstance(ids, list) or not ids or not all(type(item) is int for item in ids):
            raise BadValue("/ids", "ids must be a list of provider numbers.")
        self._moves.route(self._orders.get(number), ids, user_id=call.user_id)
        return reply({"job_id": str(self._orders.store.next_number("route job"))})

    def _assign(self, call: Call, number: int) -> Response:
        order, provider = self._orders.get(number), _id_in(call.json_object(), "user")
        self._moves.assign(order, provider, user_id=call.user_id)
        return reply({"id": number})

    def _unassign(self, call: Call, number: int) -> Response:
        order, provider = self._orders.get(number), _id_in(call.json_object(), "user")
        self._moves.unassign(order, provider, user_id=call.user_id)
        return Response(status=200)

    def _incomplete(self, call: Call, number: int) -> Response:
        for name in ("reason", "reason_id"):
            if not call.request.args.get(name):
                raise BadValue(f"?{name}", f"{name} is required in the query.")
        return self._action(self._moves.incomplete)(call, number)

    # Lists below a work order

    def _list_messages(self, call: Call, number: int) -> Response:
        return reply(self._messages.page(number))

    def _add_message(self, call: Call, number: int, message_id: str = "") -> Response:
        self._messages.add(number, call.json_object(), user_id=call.user_id, parent_id=message_id)
        return reply(self._messages.page(number))

    def _report_problem(self, call: Call, number: int) -> Response:
        return reply(self._problems.report(number, call.json_object(), user_id=call.user_id))

    def _one_problem(self, call: Call, number: int, row_id: int) -> Response:
        return reply(self._lists.one(number, "problems", row_id))

    def _resolve_problem(self, call: Call, number: int, row_id: int) -> Response:
        resolved = call.json_object().get("resolved") is True
        return reply(self._problems.resolve(number, row_id, resolved=resolved, user_id=call.user_id))

    def _tag(self, call: Call, number: int) -> Response:
        return reply(self._lists.tag(number, call.json_object().get("id"), user_id=call.user_id))

    def _untag(self, call: Call, number: int, row_id: int) -> Response:
        return reply(self._lists.untag(number, row_id, user_id=call.user_id))

    def _add_row(self, call: Call, number: int, name: str) -> Response:
        return reply(self._lists.add(number, name, call.json_object(), user_id=call.user_id))

    def _change_row(self, call: Call, number: int, name: str, row_id: int) -> Response:
        return reply(self._lists.change(number, name, row_id, call.json_object(), user_id=call.user_id))

    def _change_rows(self, call: Call, number: int, name: str) -> Response:
        rows = call.json_object().get("results")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and type(row.get("id")) is int for row in rows):
            raise BadValue("/results", "results must be a list of objects with their id.")
        for row in rows:
            self._lists.change(number, name, row["id"], row, user_id=call.user_id)
        return reply(self._orders.get(number))

    def _remove_row(self, call: Call, number: int, name: str, row_id: int) -> Response:
        return reply(self._lists.remove(number, name, row_id, user_id=call.user_id))

    def _add_folder(self, call: Call, number: int) -> Response:
        name = call.json_object().get("name")
        return reply(self._attachments.add_folder(number, name, user_id=call.user_id))

    def _upload(self, call: Call, number: int, folder_id: int) -> Response:
        file = call.request.files.get("file")
        if file is None:
            raise BadValue("/file", "file is required, as multipart/form-data.")
        return reply(
            self._attachments.upload(
                number,
                folder_id,
                file_name=file.filename or "file",
                size=len(file.read()),
                notes=call.request.form.get("notes", ""),
                user_id=call.user_id,
            )
        )

    def _change_file(self, call: Call, number: int, folder_id: int, file_id: int) -> Response:
        body = call.json_object()
        return reply(self._attachments.change(number, folder_id, file_id, body, user_id=call.user_id))

    def _remove_file(self, call: Call, number: int, folder_id: int, file_id: int) -> Response:
        self._attachments.remove(number, folder_id, file_id, user_id=call.user_id)
        return Response(status=200)


def _id_in(body: Row, name: str) -> int:
    """The number in ``{name: {"id": 7}}``. Raises BadValue."""
    holder = body.get(name)
    number = holder.get("id") if isinstance(holder, dict) else None
    if type(number) is not int:
        raise BadValue(f"/{name}/id", f"{name}.id is required and must be a number.")
    return number
