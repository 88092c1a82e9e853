"""An operator finds what is wrong, says that somebody is at it, and sets up who is told; in a real browser."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from connectors.models import Connector, ConnectorState
from events.alerts import outbox, watch
from events.models import Delivery
from events.states import State
from synclog.alert_models import Alert, AlertChannel, AlertMessage, AlertRule, WebhookCheck
from tests.admin import world
from tests.alerts.conftest import Receiver, channel, receiver  # noqa: F401 - a fixture

from .own_server import LOOKS, opened

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def burning(chrome: Browser, transactional_db: Any, receiver: Receiver) -> Connector:  # noqa: F811
    """Dead letters, refused credentials, a dead system, one alert that is over, and a channel that fails."""
    desk = world.connector(world.company("Sandbox company"), notification_emails="desk@example.test")
    sentence = (
        "Given up: Help Desk refused the values of record TCK-12: “site” is unknown. Retry the delivery when that "
    )
    for number in range(1, 13):
        world.delivery(
            desk, State.DEAD, work_order_id=7000 + number, reason="validation", sentence=f"{sentence}is done."
        )
    refused = "Customer Records refused the user name or password (401). Correct them, then resume the connector."
    records = world.connector(desk.company, "Customer Records")
    now = timezone.now()
    ConnectorState.objects.create(connector=records, held_at=now, held_code="authentication", held_sentence=refused)
    gone = world.delivery(desk, State.DEAD, work_order_id=7090, reason="not_found", sentence="Given up: not there.")
    channel(receiver, "slack", name="Chat of the service desk")
    watch.look(now=now - timedelta(minutes=40))
    Delivery.objects.filter(pk=gone.pk).update(state=State.SKIPPED)
    watch.look(now=now - timedelta(minutes=10))
    receiver.status = 503
    outbox.send_due()
    receiver.status = 200
    check = {"is_active": False, "sentence": "webhook 7 is archived.", "webhooks": [{"id": "7", "status": "archived"}]}
    WebhookCheck.objects.create(company=desk.company, checked_at=now, **check)
    watch.look(now=now)
    return desk


def signed_in(chrome: Browser, server: Any, **options: Any) -> Page:
    return opened(chrome, server, reverse("admin:synclog_alert_changelist"), **options)


def test_an_alert_leads_to_its_cause_and_is_acknowledged(burning: Connector, chrome: Browser, live_server: Any) -> None:
    page = signed_in(chrome, live_server)
    expect(page.get_by_text("“Chat of the service desk” could not send since")).to_be_visible()
    expect(page.locator("#result_list tbody tr").last).to_contain_text("Recovered")
    page.get_by_role("link", name="12 deliveries of Help Desk given up (validation).").click()
    expect(page.get_by_text("Correct the field mapping, or edit the payload of one, then retry.")).to_be_visible()
    expect(page.get_by_role("cell", name="Opened: 12 deliveries of Help Desk given up (validation).")).to_be_visible()
    expect(page.get_by_role("link", name="Dead letters", exact=True).last).to_be_visible()
    page.get_by_role("link", name="Acknowledge").click()
    page.locator(".broker-confirm").get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledged: no reminder is sent until it ends.")).to_be_visible()
    expect(page.get_by_role("cell", name="Acknowledged by olga.")).to_be_visible()
    expect(page.get_by_role("link", name="Acknowledge")).to_have_count(0)
    assert Alert.objects.get(code="validation").state == "acknowledged"
    page.get_by_role("link", name="work order 7012: Given up").click()
    expect(page.get_by_text("Help Desk refused the values of record TCK-12").first).to_be_visible()
    page.context.close()


def test_a_webhook_is_set_up_tested_and_its_secret_shown_once(
    burning: Connector,
    chrome: Browser,
    live_server: Any,
    receiver: Receiver,  # noqa: F811
) -> None:
    page = signed_in(chrome, live_server)
    page.goto(f"{live_server.url}{reverse('admin:synclog_alertchannel_add')}")
    page.get_by_label("Name", exact=False).first.fill("Pager")
    address, secret = page.locator("#id_url_0"), page.locator("#id_secret_0")
    page.locator("#id_kind").select_option("email")
    expect(address).to_be_hidden()
    page.locator("#id_kind").select_option("webhook")
    expect(page.locator("#id_addresses")).to_be_hidden()
    expect(secret).to_be_visible()
    address.fill(f"{receiver.url}/alerts/of-this-secret-path")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This secret is shown now and never again.")).to_be_visible()
    made = AlertChannel.objects.get(name="Pager")
    expect(page.locator(".broker-copy input")).to_have_value(made.secret)
    page.get_by_role("link", name="I have stored it").click()
    assert made.secret not in page.content() and "of-this-secret-path" not in page.content()
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_text("The test message was sent and taken.")).to_be_visible()
    expect(page.get_by_text("The last message went through at")).to_be_visible()
    assert receiver.received[-1].path == "/alerts/of-this-secret-path"
    page.context.close()


def test_a_channel_that_failed_is_mended_by_a_test_message(
    burning: Connector, chrome: Browser, live_server: Any
) -> None:
    page = signed_in(chrome, live_server)
    page.get_by_role("link", name="Open the channels").first.click()
    page.get_by_role("link", name="Chat of the service desk").click()
    expect(page.get_by_text("127.0.0.1 answered 503.").first).to_be_visible()
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_text("The test message was sent and taken.")).to_be_visible()
    assert AlertChannel.objects.get(name="Chat of the service desk").failing_since is None
    page.context.close()


def test_a_connector_gets_a_rule_of_its_own(burning: Connector, chrome: Browser, live_server: Any) -> None:
    page = signed_in(chrome, live_server)
    page.goto(f"{live_server.url}{reverse('admin:synclog_alertrule_add')}")
    page.locator("#id_kind").select_option("error_rate")
    page.locator("#id_connector").select_option(label="Help Desk")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The connector has a rule of its own now")).to_be_visible()
    page.get_by_label("Failed attempts in percent, more than").fill("5")
    page.get_by_label("Within the last minutes").select_option("60")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("more than 5 % of at least 20 attempts within 60 minutes failed")).to_be_visible()
    assert AlertRule.objects.get(connector=burning).limit == 5
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_of_alerts_fits_the_window(
    burning: Connector, chrome: Browser, live_server: Any, scheme: str, width: int
) -> None:
    page = signed_in(chrome, live_server, color_scheme=scheme, viewport={"width": width, "height": 900})
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    for name, address in addresses():
        shown = page.goto(f"{live_server.url}{address}")
        page.wait_for_load_state("networkidle")
        assert shown is not None
        assert shown.status == 200, address
        too_wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        cut_off = page.locator("#result_list td").evaluate_all(
            "cells => cells.filter(cell => cell.scrollHeight > cell.clientHeight + 1).map(cell => cell.innerText)"
        )
        assert (address, too_wide <= 0, cut_off) == (address, True, [])
        if folder := os.environ.get("BROKER_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    assert wrong == []
    page.context.close()


def addresses() -> list[tuple[str, str]]:
    """Each page with a name."""
    alert = Alert.objects.get(code="validation")
    chat, message = AlertChannel.objects.get(kind="slack"), AlertMessage.objects.order_by("pk")[0]
    rule = AlertRule.objects.get(kind="error_rate", connector=None)
    rows = {"alert": alert, "alertrule": rule, "alertchannel": chat, "alertmessage": message}
    rows["webhookcheck"] = WebhookCheck.objects.get()
    return [
        *((f"{name}-list", reverse(f"admin:synclog_{name}_changelist")) for name in rows),
        *((name, reverse(f"admin:synclog_{name}_change", args=[row.pk])) for name, row in rows.items()),
        ("alert-acknowledge", reverse("admin:synclog_alert_act", args=[alert.pk, "acknowledge"])),
        ("alertchannel-add", reverse("admin:synclog_alertchannel_add")),
        ("alertrule-add", reverse("admin:synclog_alertrule_add")),
    ]
