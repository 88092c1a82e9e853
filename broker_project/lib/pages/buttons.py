"""Detail pages with a sentence on top, buttons that act by POST, and sections below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from broker_project.lib.errors import BrokerError

from .changes import Audited
from .sections import Section


class ActForm(forms.Form):
    """What an act asks for. ``subject`` is the object that it is about."""

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject


@dataclass(frozen=True, kw_only=True)
class Act:
    """A button. ``name`` is the admin's method (request, object, form) that does it and gives a response or None.

    With a ``question`` the button leads to a page that asks it; without one it acts at once. Either way only a POST
    by a person with ``permission`` changes anything.
    """

    name: str
    label: str
    permission: str
    question: str = ""
    icon: str = ""
    dangerous: bool = False
    form: type[ActForm] = ActForm
    offered: Callable[[Any], bool] = lambda subject: True


@dataclass(frozen=True)
class Banner:
    """The sentence on top of a detail page with a label; ``kind`` is info, success, warning or danger."""

    label: str
    kind: str
    sentence: str


class FactsLast:
    """Stands before DetailPage: what happened comes first, the fields of the row after it.

    Fold them with ``"classes": ("collapse",)`` on a fieldset that has a name.
    """

    change_form_outer_before_template = "broker/told.html"
    change_form_outer_after_template = ""


class DetailPage(Audited, ModelAdmin):  # type: ignore[misc]
    """A ModelAdmin whose detail page has a banner, acts and sections."""

    acts: Sequence[Act] = ()
    change_form_outer_before_template = "broker/above.html"
    change_form_outer_after_template = "broker/below.html"

    def banner(self, obj: Any) -> Banner | None:
        return None

    def sections(self, request: HttpRequest, obj: Any) -> Sequence[Section]:
        return ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/act/<slug:name>/", view, name=self._url_name("act")), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            context |= {
                "banner": self.banner(obj),
                "acts": [
                    {"act": act, "address": self._address("act", obj, act.name)}
                    for act in self.acts
                    if act.offered(obj) and request.user.has_perm(act.permission)
                ],
                "sections": self.sections(request, obj),
            }
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask the act's question on GET, do it on POST."""
        act = next((act for act in self.acts if act.name == name), None)
        if act is None:
            raise Http404
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        if request.method != "POST" and (request.method != "GET" or not act.question):
            return HttpResponseNotAllowed(["GET", "POST"] if act.question else ["POST"])
        subject = self.get_object(request, unquote(object_id))
        if subject is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        page = HttpResponseRedirect(self._address("change", subject))
        if not act.offered(subject):
            self.message_user(request, f"“{act.label}” does not apply any more; nothing was changed.", messages.WARNING)
            return page
        form = act.form(request.POST if request.method == "POST" else None, subject=subject)
        if form.is_valid():
            try:
                return getattr(self, act.name)(request, subject, form) or page
            except BrokerError as error:
                form.add_error(None, error.sentence)
        return self.ask(
            request,
            title=act.label,
            question=act.question,
            subject=str(subject),
            form=form,
            dangerous=act.dangerous,
            back=page.url,
        )

    def ask(self, request: HttpRequest, *, title: str, **context: Any) -> TemplateResponse:
        """The page that asks before something is done. ``hidden`` are pairs of names and values to send again."""
        return TemplateResponse(
            request,
            "broker/confirm.html",
            {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context},
        )

    def _address(self, page: str, obj: Model, *more: str) -> str:
        return reverse(f"admin:{self._url_name(page)}", args=[obj.pk, *more], current_app=self.admin_site.name)

    def _url_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"
