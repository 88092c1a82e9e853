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


def ensure_admin() -> Login | None:
    """Create the login ``admin`` with a random password unless some superuser exists; return it when it was made."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    login = Login(USERNAME, secrets.token_urlsafe(12))
    users.create_superuser(username=login.username, email="", password=login.password)
    return login
