"""Each cause is found: the right sentence on top, the right fix beside it, and a page that explains it."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse

from events.models import Delivery, Event
from events.report import sentence_of
from events.troubleshoot.errors import ERRORS, help_link
from events.troubleshoot.facts import Facts
from tests.flows.conftest import World, event

from .asking import Answer, ask
from .cases import CASES, ORDER, Case, synced

pytestmark = pytest.mark.usefixtures("worker")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cause_is_found_with_its_fix(world: World, browser: Client, case: Case) -> None:
    answer = ask(browser, case.cause(world))

    assert answer.code == case.code, (answer.question, answer.sentence)
    assert case.says in answer.sentence
    assert answer.todo
    assert case.fix in answer.fixes
    text = html.unescape(answer.text)
    assert answer.sentence in text
    assert answer.todo in text
    assert "wrong-key-of-the-test" not in text
    assert help_link(case.code, world.connector.pk) in text
    explained(browser, world, case.code)
    assert (answer.card.facts.delivery is not None) is case.delivery
    if case.delivery:
        on_the_page_of_its_delivery(browser, answer)


def explained(browser: Client, world: World, code: str) -> None:
    """The error page of the code says all that its entry holds, for this connector."""
    response = browser.get(help_link(code, world.connector.pk))
    text = html.unescape(response.content.decode())
    entry = ERRORS[code]
    for told in (entry.meaning, *entry.causes, *entry.fixes):
        assert told in text
    if "settings" in entry.places:
        assert reverse("admin:connectors_connector_change", args=[world.connector.pk]) in text


def on_the_page_of_its_delivery(browser: Client, answer: Answer) -> None:
    """Its own page says the sentence of the delivery, and so do the facts."""
    facts: Facts = answer.card.facts
    assert facts.delivery is not None
    response = browser.get(reverse("admin:events_delivery_change", args=[facts.delivery.pk]))
    delivery = Delivery.objects.select_related("connector__company", "connector__state").get(pk=facts.delivery.pk)
    assert sentence_of(delivery) in html.unescape(response.content.decode())


def test_a_failure_of_the_broker_itself(world: World, browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("events.remote.external", broken)
    synced(world)
    answer = ask(browser, ORDER)
    assert (answer.code, answer.question) == ("waiting_bug", "Is the broker itself free of a failure here?")
    assert answer.sentence.startswith("Waits for you: The broker itself failed (ZeroDivisionError).")
    assert "Logs of the connector" in answer.fixes
    explained(browser, world, "waiting_bug")


def test_a_company_without_a_connector(world: World, browser: Client) -> None:
    world.connector.delete()
    world.post(event())
    response = browser.get(reverse("admin:troubleshooter"), {"q": ORDER})
    text = html.unescape(response.content.decode())
    assert "Nothing was sent: Sandbox company has no connector." in text
    assert help_link("no_connector") in text


def test_all_is_well_with_the_proof(world: World, browser: Client) -> None:
    synced(world)
    answer = ask(browser, ORDER)
    delivery = Delivery.objects.get()
    assert (answer.card.label, answer.code, answer.todo) == ("In step", "", "")
    assert (
        answer.sentence == f"It is in step since {delivery.finished_at:%Y-%m-%d %H:%M:%S} UTC: Record 1001 was created."
    )
    assert reverse("admin:events_delivery_change", args=[delivery.pk]) in answer.text


def test_an_echo_is_in_step_and_says_so(world: World, browser: Client) -> None:
    synced(world)
    world.post(event(event_type="FN_WO_APPROVED"))
    world.deliver()
    answer = ask(browser, ORDER)
    assert (answer.card.label, answer.code) == ("In step", "")
    assert answer.sentence.endswith("Nothing was written: record 1001 already holds these values.")
    echo = answer.check("Did it bring anything new (no echo)?")
    assert (echo.verdict.value, echo.code) == ("no", "no_change")
    explained(browser, world, "no_change")


def test_a_repeat_is_told_beside_the_original(world: World, browser: Client) -> None:
    first = event(event_id="e1")
    id = world.post(first).json()["id"]
    assert world.post(first).json()["duplicate"] is True
    world.deliver()
    answer = ask(browser, id)
    assert answer.card.label == "In step"
    repeat = answer.check("Did it come for the first time?")
    assert (repeat.verdict.value, repeat.code) == ("no", "duplicate")
    assert repeat.sentence == "It came again once, and the repeats were not done a second time."
    explained(browser, world, "duplicate")


def test_it_synced_and_later_ones_will_not(world: World, browser: Client) -> None:
    synced(world)
    world.connector.status = "paused"
    world.connector.save()
    answer = ask(browser, ORDER)
    assert answer.card.label == "In step"
    assert answer.todo == (
        "What comes later will wait or be left out, though: Help Desk is paused. What comes in is kept and waits."
    )


def test_what_waits_for_its_turn_is_on_its_way(world: World, browser: Client) -> None:
    world.post(event())
    answer = ask(browser, ORDER)
    assert (answer.card.headline.kind, answer.sentence) == ("info", "Nothing holds it up: its turn comes.")


def test_some_fields_only(world: World, browser: Client) -> None:
    world.post(event(status={"id": 9, "name": "unheard_of"}))
    world.deliver()
    answer = ask(browser, ORDER)
    check = answer.check("Did every field get its own value?")
    assert (check.verdict.value, check.code, check.decides) == ("no", "some_fields", False)
    assert check.sentence == "1 of 8 rows found no value of their own."
    assert check.evidence[0].name == "status"


def test_the_newest_failure_is_looked_at_although_a_note_came_after_it(world: World, browser: Client) -> None:
    """An unticked event that came later does not hide a dead letter."""
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=422, body={"error": "No."})
    synced(world)
    world.post(event(event_type="FN_WO_PUBLISHED"))
    assert ask(browser, ORDER).code == "validation"
    assert ask(browser, ORDER, event="FN_WO_PUBLISHED").code == "not_ticked"
    assert Event.objects.count() == 2
