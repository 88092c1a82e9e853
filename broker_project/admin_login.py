"""The first admin login."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model

USERNAME = "admin"


@dataclass(frozen=True)
class Login:
    username: str
    password: str = field(repr=False)


def ensure_admin(password: str = "") -> Login | None:
    """Create the login ``admin`` unless some superuser exists; return it when it was made.

    Without a ``password`` it gets a random one.
    """
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    login = Login(USERNAME, password or secrets.token_urlsafe(12))
    users.create_superuser(username=login.username, email="", password=login.password)
    return login
