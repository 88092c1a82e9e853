"""Encryption at rest: AES-256-GCM with key ids, so that keys can be rotated.

A sealed text is ``v1:<key id>:<base64 of nonce and ciphertext>``. The purpose (which field it is) is authenticated,
so a sealed value moved to another field does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Misconfigured

VERSION = "v1"


@dataclass(frozen=True)
class Keyring:
    """Keys by id; the first one seals, every one opens."""

    ciphers: dict[str, AESGCM]
    active: str

    def seal(self, text: str, *, purpose: str) -> str:
        nonce = os.urandom(12)
        sealed = nonce + self.ciphers[self.active].encrypt(nonce, text.encode(), purpose.encode())
        return f"{VERSION}:{self.active}:{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, *, purpose: str) -> str:
        """Raises Misconfigured when the key is missing or the text was tampered with."""
        version, key_id, body = [*sealed.split(":", 2), "", ""][:3]
        cipher = self.ciphers.get(key_id)
        if version != VERSION or cipher is None:
            raise Misconfigured(
                f"A stored credential was encrypted with key {key_id!r}, which BROKER_ENCRYPTION_KEYS does not hold. "
                "Add that key back to the list."
            )
        try:
            raw = base64.b64decode(body, validate=True)
            return cipher.decrypt(raw[:12], raw[12:], purpose.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Misconfigured(
                f"A stored credential ({purpose}) cannot be decrypted with key {key_id!r}. Check "
                "BROKER_ENCRYPTION_KEYS, or enter the credential again."
            ) from error

    def is_current(self, sealed: str) -> bool:
        """True when ``sealed`` was made with the active key."""
        return sealed.startswith(f"{VERSION}:{self.active}:")


@lru_cache(maxsize=8)
def keyring(keys: str) -> Keyring:
    """Read ``id:base64,id:base64``; each key has 32 bytes. Raises Misconfigured."""
    ciphers: dict[str, AESGCM] = {}
    for entry in filter(None, (part.strip() for part in keys.split(","))):
        key_id, _, encoded = entry.partition(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not key_id or len(raw) != 32:
            raise Misconfigured(
                "BROKER_ENCRYPTION_KEYS must be a list of id:key, comma between, each key the base64 of 32 random "
                "bytes, the newest first."
            )
        ciphers[key_id] = AESGCM(raw)
    if not ciphers:
        raise Misconfigured("BROKER_ENCRYPTION_KEYS is not set; manage.py generates one in the data folder.")
    return Keyring(ciphers=ciphers, active=next(iter(ciphers)))
