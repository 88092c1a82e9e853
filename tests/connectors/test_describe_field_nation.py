"""The fields of a work order: the known ones, and the custom ones of an account."""

from __future__ import annotations

from typing import Any

import pytest

from broker_project.lib.errors import Forbidden
from connectors.fieldnation import custom_fields
from connectors.fieldnation.client import Credentials, FieldNation
from connectors.fieldnation.fields import CHOICES, FIELDS
from connectors.http import Caller
from connectors.platforms.contract import FieldInfo

from .contract_suite import MemoryTokens
from .fake_server import Answer, FakeServer, Fault

PATH = "/api/rest/v2/custom-fields"


@pytest.fixture
def account(server: FakeServer) -> FieldNation:
    server.route("POST", "/authentication/api/oauth/token")(
        lambda _: Answer(200, {"access_token": "made-up-token", "expires_in": 3600})
    )
    credentials = Credentials(server.url, "client-1", "made-up-secret", "api@example.test", "made-up-password")
    return FieldNation(credentials, Caller(allow_private=True), MemoryTokens())


def pages_of(server: FakeServer, *pages: list[dict[str, Any]]) -> None:
    def answer(seen: Any) -> Answer:
        number = int(seen.query["page"][0])
        return Answer(200, {"metadata": {"page": number, "pages": len(pages)}, "results": pages[number - 1]})

    server.route("GET", PATH)(answer)


def test_the_known_fields_say_what_can_be_read_and_written() -> None:
    fields = {field.path: field for field in custom_fields.known_fields()}

    assert len(fields) == len(FIELDS)
    assert fields["title"] == FieldInfo("title", "Title", "text", required=True)
    assert fields["id"].readonly
    assert fields["message"].writeonly
    assert ("work_done", "Work Done") in fields["status.name"].choices
    assert fields["schedule.service_window.start.utc"].type == "datetime"
    assert set(CHOICES) <= set(fields)


def test_custom_fields_of_all_pages_are_described(server: FakeServer, account: FieldNation) -> None:
    pages_of(
        server,
        [
            {"id": 611, "name": "Ticket number", "type": "text", "flags": ["required"], "options": []},
            {"id": 612, "name": "Priority", "type": "predefined", "options": ["Low", {"id": 2, "name": "High"}]},
        ],
        [{"id": 613, "name": "Amount", "type": "numeric", "options": None}, {"name": "without an id"}],
    )

    assert custom_fields.custom_fields(account) == [
        FieldInfo("custom_fields.611", "Ticket number", "text", required=True, custom=True),
        FieldInfo("custom_fields.612", "Priority", "text", custom=True, choices=(("Low", "Low"), ("High", "High"))),
        FieldInfo("custom_fields.613", "Amount", "number", custom=True),
    ]


def test_a_list_that_never_ends_is_left_after_some_pages(
    server: FakeServer, account: FieldNation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom_fields, "MAX_PAGES", 3)
    pages_of(server, *[[{"id": number, "name": "Again"}] for number in range(1, 10)])

    assert len(custom_fields.custom_fields(account)) == 3


def test_a_refusal_is_raised(server: FakeServer, account: FieldNation) -> None:
    server.fail("GET", PATH, Fault(status=403, body={"message": "No rights"}))

    with pytest.raises(Forbidden):
        custom_fields.custom_fields(account)
