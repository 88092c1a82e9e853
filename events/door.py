"""What all doors share: no middleware of pages, a trace that goes on, and a count of what is refused."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView

from broker_project.lib.log_context import about
from connectors import tracing
from synclog import refused

from .source_keys import KeyRefused


class Door(APIView):
    """A view that needs none of what pages need: no session, no user, no CSRF token. ``doors.Doors`` calls it.

    What it answers with one of ``counted`` is counted in RefusedCalls; whose it is, the view notes as soon as it knows,
    and ``why`` is what our people are told where the caller is told less.
    """

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes: list[type[BasePermission]] = []
    door = ""
    counted = frozenset({401, 403, 413})
    company_id: int | None = None
    connector_id: int | None = None
    why = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """What is accepted belongs to the trace that the caller names in ``traceparent``."""
        parent = tracing.parse(request.META.get("HTTP_TRACEPARENT", ""))
        with about(), tracing.Span(f"accept {type(self).__name__}", kind="server", parent=parent) as span:
            answer = super().dispatch(request, *args, **kwargs)
            span.tell(http__request__method=request.method or "", http__response__status_code=answer.status_code)
        if self.door and answer.status_code in self.counted:
            self._count(request, answer)
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, KeyRefused):
            self.company_id, self.why = exc.company_id, exc.why
        return super().handle_exception(exc)

    def _count(self, request: HttpRequest, answer: Any) -> None:
        refused.count(
            self.door,
            status=answer.status_code,
            reason=self.why or str(answer.data["detail"]),
            address=request.META.get("REMOTE_ADDR", ""),
            company_id=self.company_id,
            connector_id=self.connector_id,
        )
