"""``/metrics``: the figures for Prometheus. They come from the database, so every web process gives the same."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from . import metrics_families
from .metrics_figures import read

_FORWARDED = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for who may read them: 401 or 403 otherwise, 503 while the database does not answer."""
    refused = _refused(request)
    if refused is not None:
        return refused
    try:
        figures = read()
    except DatabaseError as error:
        return _plain(f"The database does not answer ({type(error).__name__}).", 503)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics_families.Families(figures))
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def _refused(request: HttpRequest) -> HttpResponse | None:
    """The refusal for who may not read; None for who may."""
    token: str = settings.METRICS_TOKEN
    if token:
        given = request.META.get("HTTP_AUTHORIZATION", "")
        if compare_digest(given.encode(errors="replace"), f"Bearer {token}".encode()):
            return None
        refusal = _plain("Send the METRICS_TOKEN as a bearer token.", 401)
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal
    if _is_on_this_machine(request) and not settings.HTTPS:
        return None
    return _plain("Set METRICS_TOKEN, and send it as a bearer token. Without it only this machine may read.", 403)


def _is_on_this_machine(request: HttpRequest) -> bool:
    """Whether the client is a program here, and not a proxy here that speaks for somebody elsewhere."""
    forwarded = any(name in _FORWARDED or name.startswith("HTTP_X_FORWARDED_") for name in request.META)
    try:
        return not forwarded and ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _plain(sentence: str, status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(sentence + "\n", status=status, content_type="text/plain", headers=headers)
