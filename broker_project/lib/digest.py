"""Digests: how tokens are stored for look-up, and how bodies are compared."""

import hashlib


def digest(text: str) -> str:
    """Hex SHA-256 of ``text``. Only for long random tokens; a password needs a slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()
