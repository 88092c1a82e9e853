"""Signatures by Standard Webhooks: a receiver can tell that a message is ours, whole and not an old one. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from broker_project.lib.errors import Misconfigured

PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes of a key that Standard Webhooks allows


def new_secret() -> str:
    """A fresh secret as receivers take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret. Raises Misconfigured."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        raise Misconfigured("The signing secret must be whsec_ and 24 to 64 bytes in base64.")
    return key


def headers(body: bytes, *, id: str, secret: str, now: datetime) -> Mapping[str, str]:
    """What is sent along with this body. Raises Misconfigured for a secret that is none."""
    stamp = str(int(now.timestamp()))
    mark = hmac.new(key_of(secret), b".".join((id.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(mark).decode()}"
    return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}
