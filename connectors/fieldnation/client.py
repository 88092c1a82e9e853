"""Field Nation's REST API v2: sign in, read, create, update, list, and the calls a plan consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from broker_project.lib.errors import BrokerError, Misconfigured, NotFound, OutcomeUnknown, Unavailable
from connectors.http import Caller, Response
from connectors.platforms.contract import TestResult, TokenStore

from .account import ENVIRONMENTS, Credentials, Environment
from .parts.values import found_id, listed, member
from .refusals import error_for
from .sign_in import SignIn

__all__ = ["ENVIRONMENTS", "Credentials", "Environment", "FieldNation", "Page"]

Row = dict[str, Any]

REST_PATH = "/api/rest/v2"
LIST_COLUMNS = ("id", "title", "status", "incident_id", "custom_fields", "milestones")
PAGE_SIZE = 100
# find_created looks at no more than this many of the newest work orders.
SEARCHED_PAGES = 5
# Their clock and ours may differ; a work order is older than the attempt only when it is clearly older.
CLOCK_MARGIN = timedelta(minutes=15)


@dataclass(frozen=True)
class Page:
    """One page of a list; ``pages`` counts from 1."""

    results: Sequence[Row]
    page: int
    pages: int
    total: int

    @property
    def is_last(self) -> bool:
        return self.page >= self.pages or not self.results


class FieldNation:
    """One account's access to its work orders. Every method may raise the errors of ``broker_project.lib.errors``."""

    def __init__(self, credentials: Credentials, caller: Caller, tokens: TokenStore) -> None:
        self._credentials = credentials
        self._caller = caller
        self._tokens = tokens
        self._sign_in = SignIn(credentials, caller, tokens)
        self._base = credentials.api_base.rstrip("/")

    def test(self) -> TestResult:
        """Sign in afresh (a kept token would prove nothing about new credentials) and look at one work order."""
        self._tokens.drop()
        try:
            page = self.list(columns=("id",), per_page=1)
        except BrokerError as error:
            return TestResult.failed(error)
        who = self._credentials.username or self._credentials.client_id
        count = "1 work order is" if page.total == 1 else f"{page.total} work orders are"
        return TestResult(ok=True, sentence=f"Signed in to {self._base} as {who}; {count} visible.")

    def read(self, work_order_id: int, *, messages: bool = False) -> Row:
        """The complete work order; with ``messages`` its message list stands in ``messages.results``, which the work
        order itself only counts. Raises NotFound, also for a work order that this API user may not see."""
        found = self.send("GET", f"/workorders/{work_order_id}", purpose=f"read work order {work_order_id}")
        if not found.get("id"):
            raise Unavailable(
                f"Field Nation answered without a work order when asked to read work order {work_order_id}."
            )
        if messages:
            counts = found["messages"] if isinstance(found.get("messages"), dict) else {}
            found["messages"] = {**counts, "results": list(self.messages(work_order_id))}
        return found

    def create(self, body: Mapping[str, Any]) -> Row:
        """Create a draft; gives the answer, which may be empty. Raises OutcomeUnknown when it may have happened."""
        return self.send("POST", "/workorders", purpose="create a work order", body=body, creating=True)

    def update(self, work_order_id: int, body: Mapping[str, Any]) -> Row:
        """Partial update of the work order's own members; gives the answer, usually the whole work order."""
        return self.send("PUT", f"/workorders/{work_order_id}", purpose=f"update work order {work_order_id}", body=body)

    def messages(self, work_order_id: int) -> Sequence[Row]:
        """The messages of a work order, newest first."""
        purpose = f"read the messages of work order {work_order_id}"
        answer = self.send("GET", f"/workorders/{work_order_id}/messages", purpose=purpose)
        return _rows(answer)

    def list(
        self,
        *,
        which: str = "workorders_all",
        columns: Sequence[str] = LIST_COLUMNS,
        page: int = 1,
        per_page: int = PAGE_SIZE,
        sort: str = "created_date",
        order: str = "desc",
    ) -> Page:
        """One page of work orders. List, columns and ``sticky=false`` are always sent: without them the API user's
        saved view decides what comes back."""
        params = {
            "list": which,
            "sticky": "false",
            "columns": ",".join(columns),
            "page": str(page),
            "per_page": str(per_page),
            "sort": sort,
            "order": order,
        }
        answer = self.send("GET", "/workorders", purpose="list work orders", params=params)
        metadata = answer["metadata"] if isinstance(answer.get("metadata"), dict) else {}
        rows = _rows(answer)
        return Page(
            results=rows,
            page=page,
            pages=int(metadata.get("pages") or 1),
            total=int(metadata.get("total") or len(rows)),
        )

    def find_created(self, marker: str, *, since: datetime) -> int | None:
        """Id of the work order created with ``marker`` (its incident id or internal custom field) after ``since``.

        Reads the newest work orders back to ``since`` (aware); older ones do not count, since a revisit shares the
        incident id. None only when all of them were seen; raises OutcomeUnknown when that was too many, or when
        several carry the marker.
        """
        earliest = since - CLOCK_MARGIN
        found: set[int] = set()
        for number in range(1, SEARCHED_PAGES + 1):
            page = self.list(page=number)
            recent = [row for row in page.results if not _is_older(row, earliest)]
            ids = (found_id(row.get("id")) for row in recent if _carries(row, marker))
            found.update(work_order_id for work_order_id in ids if work_order_id is not None)
            if page.is_last or _is_older(page.results[-1], earliest):
                break
        else:
            if not found:
                raise OutcomeUnknown(
                    f"More than {SEARCHED_PAGES * PAGE_SIZE} work orders were created since, so it is not certain "
                    f"whether one with {marker} exists. Look for it in Field Nation and link it by hand."
                )
        if len(found) > 1:
            several = ", ".join(str(number) for number in sorted(found))
            raise OutcomeUnknown(f"Work orders {several} all carry {marker}. Choose the right one and link it by hand.")
        return found.pop() if found else None

    def send(
        self,
        method: str,
        path: str,
        *,
        purpose: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        creating: bool = False,
    ) -> Row:
        """One call below the REST base; gives the parsed object, a list as ``{"results": [...]}``, {} when empty.

        ``purpose`` is an infinitive without "to", for sentences. A 401 leads to one new sign-in and one repeat.
        """
        token = self._sign_in.token()
        response = self._request(method, path, token, purpose=purpose, body=body, params=params)
        if response.status == 401:
            token = self._sign_in.token(refused=token)
            response = self._request(method, path, token, purpose=purpose, body=body, params=params)
        if 200 <= response.status < 300:
            return _object(response, purpose=purpose, creating=creating, writing=method != "GET")
        if response.status == 401 and path.startswith("/workorders/") and self._is_token_good(token):
            # A missing work order may be answered 401: the token works elsewhere, so it is not the credentials.
            raise NotFound(
                f"Field Nation refused to {purpose}: the work order does not exist or this API user cannot see it."
            )
        reading = method == "GET" and path.startswith("/workorders/")
        raise error_for(response, purpose=purpose, creating=creating, reading=reading)

    def _request(
        self,
        method: str,
        path: str,
        token: str,
        *,
        purpose: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Response:
        return self._caller.request(
            method,
            f"{self._base}{REST_PATH}{path}",
            purpose=purpose,
            params={**(params or {}), "access_token": token},
            headers={"Accept": "application/json"},
            json=body,
        )

    def _is_token_good(self, token: str) -> bool:
        params = {"list": "workorders_all", "sticky": "false", "columns": "id", "page": "1", "per_page": "1"}
        response = self._request("GET", "/workorders", token, purpose="check the sign-in", params=params)
        return 200 <= response.status < 300


def _object(response: Response, *, purpose: str, creating: bool, writing: bool) -> Row:
    try:
        answer = response.json()
    except ValueError:
        if creating:
            raise OutcomeUnknown(
                "Field Nation took the new work order but its answer cannot be read. Look it up before creating again."
            ) from None
        if writing:
            return {}
        raise Misconfigured(
            f"The answer to the attempt to {purpose} is not JSON. Check the API address of this Field Nation account."
        ) from None
    if isinstance(answer, list):
        return {"results": answer}
    return answer if isinstance(answer, dict) else {}


def _rows(answer: Row) -> Sequence[Row]:
    return [dict(row) for row in listed(answer)]


def _carries(row: Row, marker: str) -> bool:
    internal = member(row, "custom_fields", "internal", "value")
    return marker in (str(row.get("incident_id") or "").strip(), str(internal or "").strip())


def _is_older(row: Row, earliest: datetime) -> bool:
    """True when the row says that it was created before ``earliest``; a row without its time proves nothing."""
    created = member(row, "milestones", "created")
    text = member(created, "utc") if isinstance(created, Mapping) else created
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) < earliest
    except ValueError:
        return False
