"""Ask the troubleshooter as a person does, and read its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import reverse

from events.troubleshoot.shown import Card


@dataclass(frozen=True)
class Answer:
    """One connector's part of the page, and the page's text."""

    card: Card
    text: str

    @property
    def sentence(self) -> str:
        return self.card.headline.sentence

    @property
    def todo(self) -> str:
        return self.card.headline.todo

    @property
    def code(self) -> str:
        failing = self.card.headline.check
        return failing.code if failing else ""

    @property
    def question(self) -> str:
        failing = self.card.headline.check
        return failing.question if failing else ""

    @property
    def fixes(self) -> list[str]:
        return [link.label for link in self.card.links]

    def verdict(self, question: str) -> str:
        """The verdict of the check with this question."""
        return self.check(question).verdict.value

    def check(self, question: str) -> Any:
        return next(one.check for group in self.card.groups for one in group.checks if one.check.question == question)


def ask(browser: Client, term: object, **more: Any) -> Answer:
    """Ask about an id; the answer of the only connector, or of the one named ``at``."""
    at = more.pop("at", None)
    response = browser.get(reverse("admin:troubleshooter"), {"q": str(term), **more})
    return answer_of(response, at=at)


def ask_live(browser: Client, term: object, act: str, key: int) -> Answer:
    """Press one of the buttons that ask a system."""
    response = browser.post(reverse("admin:troubleshooter"), {"q": str(term), "act": act, "at": key})
    return answer_of(response)


def answer_of(response: Any, *, at: str | None = None) -> Answer:
    assert response.status_code == 200, response.status_code
    cards = response.context["cards"]
    found = [card for card in cards if at is None or card.facts.name == at]
    assert len(found) == 1, [card.facts.name for card in cards]
    return Answer(found[0], response.content.decode())
