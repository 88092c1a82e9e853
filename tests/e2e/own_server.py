"""Pages of a server of the suite's own, whose database the tests can write."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page

LOOKS: Final = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]
"""Colour scheme and width in pixels in which every page must be readable."""


def opened(chrome: Browser, server: Any, address: str = "/admin/", **options: Any) -> Page:
    """The page at ``address``, opened by the operator olga; ``options`` are those of a browser context."""
    olga = User.objects.filter(username="olga").first() or User.objects.create_superuser("olga", "", None)
    client = Client()
    client.force_login(olga)
    context = chrome.new_context(**options)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{server.url}{address}")
    return page
