"""The vocabulary of an endpoint: the call it gets, the answers it gives, where it hangs, what can be set."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response


class Refusal(Exception):
    """Ends a request with ``response``; what it changed in the store is undone."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass
class Call:
    """One request on its way. ``dropped`` collects members that are taken and ignored; ``user_id`` is who acts."""

    request: Request
    refuse: Callable[[int, str], Refusal]
    dropped: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    correlation: str = ""
    user_id: int = 0

    def json_object(self) -> dict[str, Any]:
        """The body as an object. Raises Refusal (400) when it is anything else."""
        try:
            body = json.loads(self.request.get_data() or b"null", parse_constant=_refuse_constant)
        except ValueError as error:
            raise self.refuse(400, f"The body is not JSON: {error}.") from error
        if not isinstance(body, dict):
            raise self.refuse(400, "The body must be a JSON object.")
        return body

    def number(self, name: str, default: int, *, low: int = 1, high: int = 1_000_000_000) -> int:
        """A whole number from the query, between ``low`` and ``high``. Raises Refusal (400)."""
        text = self.request.args.get(name, "")
        if not text:
            return default
        if not text.isdecimal() or not low <= int(text) <= high:
            raise self.refuse(400, f"{name} must be a whole number from {low} to {high}.")
        return int(text)


@dataclass(frozen=True)
class Route:
    """``access`` names the kind of credentials that the call needs; empty for none."""

    method: str
    path: str
    endpoint: Callable[..., Response]
    access: str = ""


@dataclass(frozen=True)
class Knob:
    """A setting that control calls may change: ``allows`` says which values can stand, in words ``must``."""

    default: Any
    allows: Callable[[Any], bool]
    must: str


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def reply(body: Any, status: int = 200, *, headers: Mapping[str, str] | None = None, kind: str = "") -> Response:
    """A JSON answer; ``kind`` replaces the media type."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status=status, headers=dict(headers or {}), content_type=kind or "application/json")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
