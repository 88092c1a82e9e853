"""Bodies of API calls can be switched off per connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from connectors.models import Connector
from synclog.models import ApiCall
from tests.admin import world as rows
from tests.flows.conftest import World, event
from tests.flows.conftest import world as _world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> Iterator[World]:
    yield from _world.__wrapped__(db)  # type: ignore[attr-defined]


@pytest.mark.parametrize("keep", [True, False])
def test_bodies_are_stored_unless_they_are_switched_off(world: World, keep: bool) -> None:
    Connector.objects.update(keep_bodies=keep)
    world.post(event())
    world.deliver()

    call = ApiCall.objects.filter(method="POST").latest("id")
    assert (bool(call.request_body), bool(call.response_body)) == (keep, keep)
    assert call.status == 201
    assert call.url
    assert call.request_headers


def test_the_switch_stands_in_the_settings(db: Any) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    connector = rows.connector(rows.company())
    text = client.get(reverse("admin:connectors_connector_change", args=[connector.pk])).content.decode()
    assert 'name="keep_bodies"' in text
