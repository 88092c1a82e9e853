"""What the acts on deliveries ask for."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from broker_project.lib.pages import ActForm, listing
from broker_project.lib.pages.forms import JsonArea

from . import replay, review
from .models import Delivery
from .replay_links import is_linked

EVERYTHING = "everything"
PREFIX = "choice-"


class RetryForm(ActForm):
    """Asks which configuration a delivery runs with, where it has begun with one already."""

    version = forms.ChoiceField(
        label="Configuration",
        required=False,
        widget=UnfoldAdminRadioSelectWidget(),
        choices=[(replay.CURRENT, "The present one"), (replay.OLD, "The one that it began with")],
        initial=replay.CURRENT,
    )

    def __init__(self, *args: Any, subject: Delivery | None, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        if subject is not None and subject.version is None:
            del self.fields["version"]
        elif subject is not None:
            choices = [(replay.CURRENT, "The present one"), (replay.OLD, f"Version {subject.version}, as it began")]
            self.fields["version"].choices = choices  # type: ignore[attr-defined]

    @property
    def chosen_version(self) -> str:
        return str(self.cleaned_data.get("version") or replay.CURRENT)


class RetryAllForm(RetryForm):
    per_minute = forms.IntegerField(
        label="At most per minute",
        min_value=1,
        max_value=100_000,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="So that the other system is not overrun. Empty: as fast as it goes.",
    )


class ReasonForm(ActForm):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="Why it is not sent. It is kept in the log.",
    )


class NoteForm(ActForm):
    text = forms.CharField(
        label="Note",
        max_length=2000,
        widget=UnfoldAdminTextareaWidget({"rows": 4}),
        help_text="What the next person should know. It is shown on the delivery's page with your name and the time.",
    )


class PayloadForm(ActForm):
    payload = forms.CharField(
        strip=False,
        widget=JsonArea({"rows": 24}),
        help_text="JSON. The event that came in stays as it is; a copy with your change is sent.",
    )

    def __init__(self, *args: Any, subject: Delivery, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["payload"].initial = listing(subject.event.payload)


class CreatedForm(ActForm):
    """Asks for the id that the delivery does not know; for none where the records are linked already."""

    work_order_id = forms.IntegerField(min_value=1, max_value=2**63 - 1, widget=UnfoldAdminTextInputWidget())
    external_id = forms.CharField(label="External id", max_length=255, widget=UnfoldAdminTextInputWidget())

    def __init__(self, *args: Any, subject: Delivery, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        linked = is_linked(subject)
        if linked or subject.work_order_id:
            del self.fields["work_order_id"]
        if linked or subject.external_id:
            del self.fields["external_id"]


class DecideForm(ActForm):
    """One choice a field, or one for all of them."""

    everything = forms.ChoiceField(
        label="All fields",
        required=False,
        widget=UnfoldAdminRadioSelectWidget(),
        choices=[
            ("", "Choose for each field below"),
            (review.FIELD_NATION, "All from Field Nation"),
            (review.EXTERNAL, "All from the external system"),
        ],
    )

    def __init__(self, *args: Any, subject: Delivery, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        for field in review.contested(subject.conflict):
            self.fields[PREFIX + field.target] = forms.ChoiceField(
                label=field.target,
                required=False,
                widget=UnfoldAdminRadioSelectWidget(),
                choices=[
                    (review.FIELD_NATION, f"Field Nation: {field.field_nation}"),
                    (review.EXTERNAL, f"{subject.connector.name}: {field.external}"),
                ],
                help_text=f"Last agreed on: {field.base}",
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not values.get(EVERYTHING):
            for name in self.fields:
                if name.startswith(PREFIX) and not values.get(name):
                    self.add_error(name, "Choose a side.")
        return values

    @property
    def choices(self) -> dict[str, str]:
        """By field the side chosen."""
        everything = self.cleaned_data.get(EVERYTHING)
        return {
            name.removeprefix(PREFIX): everything or self.cleaned_data[name]
            for name in self.fields
            if name.startswith(PREFIX)
        }
