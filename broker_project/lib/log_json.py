"""Log lines for machines: one JSON object a line, with the ids of what the line is about."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from . import log_context
from .fast_json import dumps
from .log_redaction import redact_addresses


class JsonLines(logging.Formatter):
    """A formatter: time (UTC), level, logger, message, the ids of log_context, and the traceback as ``exception``.

    An id given to the call itself, as ``extra={"event_id": …}``, wins. No member holds a token of an address.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact_addresses(record.getMessage()),
        }
        present = log_context.present()
        for name in log_context.IDS:
            value = getattr(record, name, None) or present.get(name)
            if value is not None:
                line[name] = value if isinstance(value, int) else str(value)
        if record.exc_info:
            line["exception"] = redact_addresses(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redact_addresses(self.formatStack(record.stack_info))
        return dumps(line)
