"""One REST system as the broker uses it: read, create, find again, update, add a note, test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from broker_project.lib.errors import InvalidRecord, Misconfigured, NotFound, OutcomeUnknown
from connectors.classify import raise_for_status
from connectors.http import Caller, Response
from connectors.platforms.contract import Created, Described, Json, Proposal, TestResult, TokenStore

from .checking import tested
from .config import Config
from .describe import described, fetched
from .paths import id_text, pick, placed
from .proposals import proposals
from .tokens import AccessTokens

_CANDIDATES = 20  # search results that are looked at


class RestClient:
    """Implements ``contract.Client`` by the settings."""

    def __init__(self, config: Config, caller: Caller, tokens: TokenStore) -> None:
        self._config = config
        self._caller = caller
        self._access = AccessTokens(config, caller, tokens)
        self._host = urlsplit(config.base_url).hostname or config.base_url
        self.can_find = config.can_find
        self.replaces = config.update_method == "PUT"

    def read(self, external_id: str) -> dict[str, Json]:
        """The record. Raises NotFound, also when the answer holds none at the record root."""
        response = self._call("GET", self._config.record_path, purpose="read record", external_id=external_id)
        raise_for_status(response, system=self._host, wrote=False)
        found = pick(self._json(response), self._config.record_root)
        if isinstance(found, list) and len(found) <= 1:
            found = found[0] if found else None
        if found is None:
            where = f" at “{self._config.record_root}”" if self._config.record_root else ""
            raise NotFound(f"{self._host} answered without a record{where} for id {external_id}.")
        if not isinstance(found, Mapping):
            raise Misconfigured(f"{self._host} answered with something other than one record. Check the record root.")
        return dict(found)

    def create(self, fields: Mapping[str, Json], *, correlation: str, target: str = "", parent_id: str = "") -> Created:
        """Create a record, or a note (``target`` "note") under ``parent_id``. Raises OutcomeUnknown also when the
        system took the record and did not tell its id."""
        if target:
            return self._create_note(fields, target=target, parent_id=parent_id)
        config = self._config
        body = placed(fields, config.correlation_field, correlation) if config.correlation_field else dict(fields)
        response = self._call(config.create_method, config.create_path, purpose="create record", json=body)
        raise_for_status(response, system=self._host, wrote=True)
        answer = self._json_or_none(response)
        new_id = self._new_id(response, answer)
        if not new_id:
            raise OutcomeUnknown(
                f"{self._host} took the new record ({response.status}), but its id is not at “{config.new_id_path}” in "
                "the answer. Correct the path of the new id."
            )
        record = pick(answer, config.record_root)
        return Created(new_id, record if isinstance(record, Mapping) else {})

    def update(self, external_id: str, fields: Mapping[str, Json]) -> Mapping[str, Json]:
        """Send ``fields`` as JSON; the record where the answer holds it. Raises NotFound, and OutcomeUnknown when no
        answer came; sending it again is safe with PUT and PATCH."""
        method = self._config.update_method
        response = self._call(
            method, self._config.update_path, purpose="update record", external_id=external_id, json=dict(fields)
        )
        raise_for_status(response, system=self._host, wrote=True, idempotent=method != "POST")
        record = pick(self._json_or_none(response), self._config.record_root)
        return dict(record) if isinstance(record, Mapping) else {}

    def correlation_in(self, record: Mapping[str, Json]) -> str:
        """The mark in the correlation field, "" when there is none or no such field is configured."""
        return (self._correlation_in(record) or "") if self._config.correlation_field else ""

    def find(self, correlation: str) -> str | None:
        """The id of the record whose correlation field holds ``correlation``.

        The field is compared here too, since a system that ignores the search parameter answers with other records.
        Raises Misconfigured when it did: ours may be among those not shown.
        """
        config = self._config
        if not config.can_find:
            raise Misconfigured("Finding records needs a search path, a search parameter and a correlation field.")
        response = self._call(
            "GET", config.find_path, purpose="find record", params={config.find_parameter: correlation}
        )
        raise_for_status(response, system=self._host, wrote=False)
        results = pick(self._json(response), config.find_results_path)
        if not isinstance(results, list):
            raise Misconfigured(f"{self._host} answered the search without a list. Check the path of the results.")
        for element in results[:_CANDIDATES]:
            found = id_text(pick(element, config.find_id_path))
            if not found:
                raise Misconfigured(f"The search results hold no id at “{config.find_id_path}”.")
            shown = self._correlation_in(element) or self._correlation_in(self.read(found))
            if shown == correlation:
                return found
        if results:
            raise Misconfigured(
                f"{self._host} answered the search for “{correlation}” with records that do not show it in "
                f"“{config.correlation_field}”, so nobody can tell whether the record exists. Check search parameter "
                "and correlation field."
            )
        return None

    def test(self) -> TestResult:
        """Read the test path with the credentials, and say in one sentence what is right or wrong."""
        return tested(self._config, host=self._host, get=self._get, parsed=self._json)

    def describe(self, kind: str = "", *, sample_id: str = "") -> Described:
        """The fields of the main record or its notes. Raises Misconfigured when there is nothing to read them from."""
        return described(self._config, self._get, self.read, kind=kind, sample_id=sample_id)

    def proposals(self) -> tuple[Proposal, ...]:
        """Settings that the system's description suggests, one for each kind of record; none without one."""
        return proposals(self._config, fetched(self._config, self._get)) if self._config.fields_path else ()

    def _create_note(self, fields: Mapping[str, Json], *, target: str, parent_id: str) -> Created:
        config = self._config
        if target != "note":
            raise Misconfigured(f"A REST connector cannot create “{target}”, only records and notes.")
        if not config.note_path:
            raise Misconfigured("Notes need a note path in the connector's settings, for example /tickets/{id}/notes.")
        response = self._call(
            config.note_method, config.note_path, purpose="add note", external_id=parent_id, json=dict(fields)
        )
        raise_for_status(response, system=self._host, wrote=True)
        answer = self._json_or_none(response)
        return Created(self._new_id(response, answer), answer if isinstance(answer, Mapping) else {})

    def _get(self, path: str) -> Response:
        """For tests and descriptions: below the base URL, or a full address on the same host."""
        purpose = "read fields" if path == self._config.fields_path else "test connection"
        return self._call("GET", path, purpose=purpose)

    def _call(
        self,
        method: str,
        path: str,
        *,
        purpose: str,
        external_id: str | None = None,
        params: Mapping[str, str] | None = None,
        json: Json = None,
    ) -> Response:
        """One call with credentials; with OAuth, a 401 renews the token and repeats the call once."""
        query = dict(params or {})
        if external_id is not None:
            _refuse_id(external_id)
            if "{id}" not in path:
                query[self._config.id_parameter] = external_id
            path = path.replace("{id}", quote(external_id, safe=""))
        url = path if "://" in path else self._config.base_url + path
        token = self._access.current() if self._config.auth == "oauth2" else ""
        response = self._send(method, url, purpose=purpose, params=query, json=json, token=token)
        if response.status == 401 and token:
            token = self._access.renewed(token)
            response = self._send(method, url, purpose=purpose, params=query, json=json, token=token)
        return response

    def _send(self, method: str, url: str, *, token: str, **call: Any) -> Response:
        config = self._config
        headers = {**config.headers, **config.secret_headers}
        auth: tuple[str, str] | None = None
        if config.auth == "basic":
            auth = (config.username, config.password)
        elif config.auth == "api_key":
            headers[config.api_key_header] = config.api_key
        elif config.auth == "bearer":
            headers["Authorization"] = f"Bearer {config.bearer_token}"
        elif config.auth == "oauth2":
            headers["Authorization"] = f"Bearer {token}"
        return self._caller.request(method, url, headers=headers, auth=auth, **call)

    def _json(self, response: Response) -> Json:
        try:
            return response.json()
        except ValueError:
            raise Misconfigured(
                f"{self._host} answered {response.status}, but not with JSON. Check base URL and path; a sign-in or "
                "error page may stand there."
            ) from None

    def _json_or_none(self, response: Response) -> Json:
        try:
            return response.json()
        except ValueError:
            return None

    def _new_id(self, response: Response, answer: Json) -> str:
        source, mark, name = self._config.new_id_path.partition("header:")
        if mark and not source:
            last = urlsplit(response.headers.get(name.strip(), "")).path.rstrip("/").rpartition("/")[2]
            return unquote(last).strip()
        return id_text(pick(answer, self._config.new_id_path))

    def _correlation_in(self, element: Json) -> str | None:
        """The correlation that a record shows; written as ``ticket.ref``, it is often shown as ``ref``."""
        field = self._config.correlation_field
        for path in (field, field.rpartition(".")[2]):
            shown = pick(element, path)
            if shown is not None:
                return str(shown)
        return None


def _refuse_id(external_id: str) -> None:
    if not external_id.strip() or external_id in (".", ".."):
        raise InvalidRecord(f"“{external_id}” cannot be the id of a record.")
