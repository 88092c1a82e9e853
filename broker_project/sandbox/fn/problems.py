"""Field Nation's error answers: problem details for REST, and the two older shapes; the webhooks API has its own."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from broker_project.sandbox.calls import Refusal, reply

TYPE_BASE = "https://developer.example.test/error-codes/"
# status: code, title, agent
KINDS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("VALIDATION_ERROR", "The request is not valid", {"action": "FIX_INPUT"}),
    401: ("AUTHENTICATION_REQUIRED", "Sign in", {"action": "REAUTHENTICATE"}),
    403: ("INSUFFICIENT_PERMISSIONS", "Not allowed", {"action": "ESCALATE"}),
    404: ("RESOURCE_NOT_FOUND", "Not found", {"action": "FIX_INPUT"}),
    429: ("RATE_LIMIT_EXCEEDED", "Too many requests", {"action": "RETRY", "backoffMs": 60_000, "maxAttempts": 3}),
    500: ("INTERNAL_SERVER_ERROR", "Internal error", {"action": "RETRY", "backoffMs": 1_000, "maxAttempts": 4}),
    503: ("SERVICE_UNAVAILABLE", "Not available", {"action": "RETRY", "backoffMs": 5_000, "maxAttempts": 3}),
}
STYLES = ("problem", "contract", "older")


def rest_error(status: int, sentence: str, *, style: str, pointer: str = "", parameter: str = "") -> Response:
    """An error of the REST API. ``style`` "older" also shows a missing work order as HTTP 400 with a text about 401."""
    if style == "contract":
        return reply({"status": status, "message": sentence}, status)
    if style == "older":
        if status == 404:
            status, sentence = 400, f"401 Unauthorized: {sentence}"
        return reply({"status_code": status, "message": sentence}, status)
    nearest = status if status in KINDS else 400 if status < 500 else 500
    code, title, agent = KINDS[nearest]
    body: dict[str, Any] = {
        "type": TYPE_BASE + code.lower().replace("_", "-"),
        "title": title,
        "status": status,
        "detail": sentence,
        "code": code,
        "retryable": agent["action"] == "RETRY",
        "correlationId": str(uuid.uuid4()),
        "agent": agent,
    }
    if pointer or parameter:
        where = {"pointer": pointer} if pointer else {"parameter": parameter}
        body["errors"] = [{"detail": sentence, **where}]
    return reply(body, status, kind="application/problem+json")


def token_error(status: int, sentence: str) -> Refusal:
    """An error of the token endpoint."""
    return Refusal(reply({"status_code": status, "message": sentence}, status))


def webhook_error(status: int, sentence: str, path: str) -> Response:
    """An error of the webhooks API."""
    body = {"metadata": {**stamp(), "path": path}, "errors": [{"code": status, "message": sentence}], "result": {}}
    return reply(body, status)


def stamp() -> dict[str, str]:
    """The ``timestamp`` that the webhooks API puts in every answer's metadata."""
    return {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
