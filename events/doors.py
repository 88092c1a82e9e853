"""Middleware that takes requests for the doors past what only pages need. A module of its own, as settings name it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve
from rest_framework.response import Response

from .door import Door


class Doors:
    """Answers requests whose view is a ``Door`` itself, without the middleware below it. That would open a session,
    read cookies and look for static files: half of what it costs to accept an event.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = _door(request.path_info)
        if match is None:
            return self._get_response(request)
        request.get_host()  # refuses a host that is not ours, as CommonMiddleware does
        request.resolver_match = match
        response: Response = match.func(request, *match.args, **match.kwargs)
        response.render()
        response.headers["Content-Length"] = str(len(response.content))
        return response


def _door(path: str) -> ResolverMatch | None:
    try:
        match = resolve(path)
    except Resolver404:
        return None
    view = getattr(match.func, "cls", None)
    return match if isinstance(view, type) and issubclass(view, Door) else None
