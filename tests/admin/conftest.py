from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


@pytest.fixture
def operator(db: Any) -> User:
    return User.objects.create_superuser(username="olga", email="", password=None)


@pytest.fixture
def browser(operator: User) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(operator)
    return client


def staff(*permissions: str) -> Client:
    """A browser in which a staff user with these permissions ("events.view_delivery") is signed in."""
    user = User.objects.create_user(username=f"sam-{'-'.join(permissions)}"[:150], is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client
