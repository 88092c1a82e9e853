"""Keeps tokens that travel in addresses out of the log."""

from __future__ import annotations

import logging
import re

_TOKENS = re.compile(
    r"(?P<kept>/integrations/trigger/|(?:client_token|access_token|token)=)(?P<token>[^\s/?&\"'<>]+)", re.IGNORECASE
)
HIDDEN = "[redacted]"


def redact_addresses(text: str) -> str:
    """``text`` with the tokens of trigger URLs and query strings replaced."""
    return _TOKENS.sub(lambda found: found["kept"] + HIDDEN, text)


class RedactAddresses(logging.Formatter):
    """A formatter whose whole line, traceback included, holds no token of an address."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_addresses(super().format(record))
