"""Requests for the doors skip the middleware of the pages; the rest goes on as before."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from events.doors import Doors

REQUESTS = RequestFactory()


def below(request: HttpRequest) -> HttpResponse:
    return HttpResponse("from below", status=299)


@pytest.mark.parametrize("path", ["/events/", "/v1/broker/inbound", "/integrations/trigger/none"])
@pytest.mark.django_db
def test_a_door_is_answered_without_what_is_below(path: str) -> None:
    answer = Doors(below)(REQUESTS.post(path, b"{}", content_type="application/json"))
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer, HttpResponse)
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 0


@pytest.mark.parametrize("path", ["/admin/", "/", "/nowhere/", "/events", "/static/admin/css/base.css"])
def test_everything_else_goes_on(path: str) -> None:
    assert Doors(below)(REQUESTS.get(path)).status_code == 299


def test_a_host_that_is_not_ours_is_refused() -> None:
    request: Any = REQUESTS.post("/events/", b"{}", content_type="application/json", headers={"Host": "evil.test"})
    with pytest.raises(DisallowedHost):
        Doors(below)(request)
