"""What both simulators share: routing, faults, the journal, control calls and the page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from .calls import Call, Knob, Refusal, Route, reply
from .courier import JOB_SEQUENCE
from .faults import BadRule, Fault, FaultBook, parse_fault
from .journal import Entry, Journal
from .serve import drop_connection
from .store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PAGES = Path(__file__).parent / "pages"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
SECRET_PARAMETERS = ("access_token",)


class Simulator:
    """Base of the two simulators. ``app`` is the WSGI application; ``close`` ends threads and the store."""

    page = ""
    api_prefixes: tuple[str, ...] = ()
    knobs: ClassVar[Mapping[str, Knob]] = {}

    def __init__(self, store_path: Path | str | None) -> None:
        self.store = Store(store_path)
        self.faults = FaultBook()
        self.journal = Journal(self.store)
        self.build()
        self._map = Map(
            [
                Rule(route.path, methods=[route.method], endpoint=route)
                for route in [*self.routes(), *self._own_routes()]
            ],
            merge_slashes=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.store.close()

    def routes(self) -> Iterable[Route]:
        raise NotImplementedError

    def authenticate(self, call: Call, access: str) -> None:
        """Raise Refusal unless the call may use routes of this ``access``; may set ``call.user_id``."""
        raise NotImplementedError

    def refusal(self, path: str, status: int, sentence: str) -> Refusal:
        """A failure in the dialect of the simulated API at ``path``."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What the page shows."""
        raise NotImplementedError

    def build(self) -> None:
        """Make the parts that need the store; runs before ``routes``."""

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.startswith(self.api_prefixes):
            return self._api(request)(environ, start_response)
        call = Call(request, self._control_refusal)
        return self._dispatch(call)(environ, start_response)

    def setting(self, name: str) -> Any:
        return self.store.setting(name, self.knobs[name].default)

    def _api(self, request: Request) -> Response:
        call = Call(request, partial(self.refusal, request.path))
        entry = Entry(request.method, request.path, time.time(), self._pattern(call))
        entry.query = {name: text for name, text in request.args.items() if name not in SECRET_PARAMETERS}
        entry.idempotency_key = request.headers.get("Idempotency-Key", "")
        fault = self.faults.take(method=request.method, path=request.path) or Fault()
        entry.fault = fault.describe()
        if fault.delay_when == "before":
            time.sleep(fault.delay)
        if fault.drop == "before" or fault.status is not None:
            return self._answer_unprocessed(call, entry, fault)
        with self.store.transaction():
            response = self._dispatch(call)
            entry.processed = True
            if fault.success_without_body and response.status_code < 300:
                response.set_data(b"")
                del response.headers["Content-Type"]
            self._record(call, entry, None if fault.drop else response.status_code)
        if fault.delay_when == "after":
            time.sleep(fault.delay)
        if fault.drop == "after":
            drop_connection(request.environ)
        return response

    def _answer_unprocessed(self, call: Call, entry: Entry, fault: Fault) -> Response:
        with self.store.transaction():
            self._record(call, entry, fault.status)
        if fault.status is None:
            drop_connection(call.request.environ)
        if fault.body is None:  # the API's own error shape, or nothing where there is no error
            answer = call.refuse(fault.status, "A fault rule made this fail.").response
            if fault.status < 400:
                answer = Response(status=fault.status)
        elif isinstance(fault.body, str):
            answer = Response(fault.body, status=fault.status, content_type="text/plain; charset=utf-8")
        else:
            answer = reply(fault.body, fault.status)
        answer.headers.update(fault.headers)
        return answer

    def _record(self, call: Call, entry: Entry, status: int | None) -> None:
        entry.correlation = call.request.headers.get("X-Correlation-Id", "") or call.correlation
        entry.ids = call.ids
        entry.dropped = call.dropped
        entry.status = status
        entry.body = self._written(call)
        self.journal.add(entry)

    def _written(self, call: Call) -> Any:
        """The JSON body of a write to a guarded route; None for reads and sign-ins."""
        try:
            if call.request.method == "GET" or not self._match(call)[0].access:
                return None
            return json.loads(call.request.get_data())
        except (HTTPException, ValueError):
            return None

    def _dispatch(self, call: Call) -> Response:
        """Route the call and run it."""
        try:
            route, arguments = self._match(call)
        except HTTPException as error:
            if error.code == 405:
                return call.refuse(405, f"{call.request.method} is not possible here.").response
            return call.refuse(404, "There is nothing here.").response
        call.ids += [value for value in arguments.values() if isinstance(value, int)]
        try:
            with self.store.transaction():
                if route.access:
                    self.authenticate(call, route.access)
                return route.endpoint(call, **arguments)
        except Refusal as refusal:
            return refusal.response

    def _match(self, call: Call) -> tuple[Route, dict[str, Any]]:
        route, arguments = self._map.bind_to_environ(call.request.environ).match()
        return cast("Route", route), dict(arguments)

    def _pattern(self, call: Call) -> str:
        """The path with its variable parts named, for counting; the path itself where nothing listens."""
        try:
            return self._match(call)[0].path
        except HTTPException:
            return call.request.path

    def _control_refusal(self, status: int, sentence: str) -> Refusal:
        return Refusal(reply({"error": {"message": sentence}}, status))

    def _own_routes(self) -> list[Route]:
        return [
            Route("GET", "/control/faults", self._list_faults),
            Route("POST", "/control/faults", self._add_faults),
            Route("DELETE", "/control/faults", self._clear_faults),
            Route("GET", "/control/requests", self._requests),
            Route("GET", "/control/settings", self._read_settings),
            Route("POST", "/control/settings", self._change_settings),
            Route("POST", "/control/reset", self._reset),
            Route("GET", "/ui/state", self._state),
            Route("GET", "/ui/<any('page.css','page.js','helpdesk.js','fieldnation.js'):name>", self._asset),
            Route("GET", "/", self._page),
        ]

    def _list_faults(self, call: Call) -> Response:
        return reply({"faults": self.faults.listing()})

    def _add_faults(self, call: Call) -> Response:
        """Body: a rule, a list of rules, or ``{"faults": [...]}``. They follow those in force."""
        try:
            body = json.loads(call.request.get_data())
            rules = body.get("faults", [body]) if isinstance(body, dict) else body
            self.faults.add([parse_fault(rule) for rule in rules])
        except BadRule as error:
            raise call.refuse(422, str(error)) from error
        except (ValueError, TypeError) as error:
            raise call.refuse(400, "The body must be a JSON object or list.") from error
        return reply({"faults": self.faults.listing()}, 201)

    def _clear_faults(self, call: Call) -> Response:
        self.faults.clear()
        return reply({"faults": []})

    def _requests(self, call: Call) -> Response:
        found = self.journal.listing(
            after=call.number("after", 0, low=0),
            limit=call.number("limit", 1000, high=100_000),
            method=call.request.args.get("method", "").upper(),
            path=call.request.args.get("path", ""),
            status=call.number("status", 0) or None,
        )
        return reply({"counters": self.journal.counters(), "requests": found})

    def _read_settings(self, call: Call) -> Response:
        return reply({name: self.setting(name) for name in self.knobs})

    def _change_settings(self, call: Call) -> Response:
        for name, value in call.json_object().items():
            if name not in self.knobs:
                raise call.refuse(422, f"There is no setting {name!r}; known are {', '.join(self.knobs)}.")
            if not self.knobs[name].allows(value):
                raise call.refuse(422, f"{name} must be {self.knobs[name].must}.")
            self.store.set_setting(name, value)
        return self._read_settings(call)

    def _reset(self, call: Call) -> Response:
        self.forget()
        return reply({"reset": True})

    def forget(self) -> None:
        """Back to a new account: data, journal, settings, tokens and fault rules are gone, numbers start again."""
        with self.store.transaction():
            # A call that is being sent must not be taken for a new one with the same number.
            self.store.clear(keep_sequence=JOB_SEQUENCE)
            self.faults.clear()

    def _state(self, call: Call) -> Response:
        return reply(self.state(), headers={"Cache-Control": "no-store"})

    def _asset(self, call: Call, name: str) -> Response:
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response((PAGES / name).read_text("utf-8"), content_type=f"{kind}; charset=utf-8", headers=PAGE_HEADERS)

    def _page(self, call: Call) -> Response:
        text = (PAGES / self.page).read_text("utf-8")
        return Response(text, content_type="text/html; charset=utf-8", headers=PAGE_HEADERS)
