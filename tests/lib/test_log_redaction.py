"""A trigger token stands in the address, and Django logs the address of what it refuses."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client

from broker_project.lib.log_redaction import redact_addresses


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Bad Request: /integrations/trigger/abc-DEF_1", "Bad Request: /integrations/trigger/[redacted]"),
        ("/integrations/trigger/abc/?external_id=7", "/integrations/trigger/[redacted]/?external_id=7"),
        (
            "/v1/broker/inbound?client_token=abc&external_id=7",
            "/v1/broker/inbound?client_token=[redacted]&external_id=7",
        ),
        ("GET https://api.example.test/x?access_token=abc", "GET https://api.example.test/x?access_token=[redacted]"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_tokens_in_addresses_are_replaced(line: str, kept: str) -> None:
    assert redact_addresses(line) == kept


@pytest.mark.django_db
def test_a_refused_trigger_call_leaves_no_token_in_the_log() -> None:
    console = next(handler for handler in logging.getLogger().handlers if handler.get_name() == "console")
    assert isinstance(console, logging.StreamHandler)
    written = io.StringIO()
    before = console.setStream(written)
    try:
        assert Client().post("/integrations/trigger/a-token-of-the-test").status_code == 401
    finally:
        console.setStream(before)
    assert "a-token-of-the-test" not in written.getvalue()
    assert "Unauthorized: /integrations/trigger/[redacted]" in written.getvalue()
