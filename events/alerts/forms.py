"""Forms of rules and channels."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from broker_project.lib.errors import BrokerError
from broker_project.lib.pages import FieldedForm
from connectors.forms import MAX_ADDRESSES, SecretField, chosen, is_email
from synclog.alert_models import AlertChannel, AlertRule

from . import channels, signing
from .kinds import KINDS, Number

NUMBERS = ("limit", "minutes", "minimum")


class RuleForm(FieldedForm):
    """A rule; each of its numbers is named and limited as its kind says."""

    class Meta:
        model = AlertRule
        fields = ("is_on",)  # the admin's fieldsets name all of them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = KINDS.get(self.instance.kind)
        for name in NUMBERS:
            if name in self.fields and kind and name in kind.numbers:
                self._shape(name, kind.numbers[name])
        if "connector" in self.fields:
            self.fields["connector"].required = True
        if "kind" in self.fields:
            own = [(value, said) for value, said in AlertRule.Kind.choices if KINDS[value].per_connector]
            self.fields["kind"].choices = own  # type: ignore[attr-defined]

    def _shape(self, name: str, number: Number) -> None:
        if number.choices:
            choices = [(value, f"{value}") for value in number.choices]
            widget = UnfoldAdminSelectWidget()
            self.fields[name] = forms.TypedChoiceField(choices=choices, coerce=int, widget=widget)
            self.initial[name] = int(self.initial.get(name) or number.default)
        elif isinstance(self.initial.get(name), float):
            self.initial[name] = f"{self.initial[name]:g}"
        self.fields[name].label = number.label
        self.fields[name].required = True

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        kind = KINDS.get(self.instance.kind)
        for name, number in kind.numbers.items() if kind else ():
            value = data.get(name)
            if value is not None and not number.least <= value <= number.most:
                self.add_error(name, f"Enter a number from {number.least:g} to {number.most:,g}.")
        return data

    def field_of(self, sentence: str) -> str:
        return "kind"  # the one rule over several fields: a connector has one rule of a kind


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A channel; its address and secret are only ever written."""

    url = SecretField(
        label="Address", help_text="Where messages are posted, https://… Encrypted; only its host is ever shown."
    )
    secret = SecretField(
        label="Signing secret",
        help_text="whsec_… as the receiver gave it. Left empty on a new channel, one is made and shown once.",
    )

    class Meta:
        model = AlertChannel
        fields = ("name",)  # the admin's fieldsets name all of them
        widgets: ClassVar = {"addresses": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("url", "secret"):
            self.initial.pop(name, None)
            field = self.fields.get(name)
            if isinstance(field, SecretField):
                field.keeps(bool(getattr(self.instance, name)))
                field.widget.clearable = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        kind = data.get("kind") or self.instance.kind
        given = {name: chosen(getattr(self.instance, name), data.get(name)) for name in ("url", "secret")}
        if kind == AlertChannel.Kind.EMAIL:
            given = {"url": "", "secret": ""}
        else:
            self._check_url(given["url"])
        if kind == AlertChannel.Kind.WEBHOOK and given["secret"]:
            self._check_secret(given["secret"])
        self._given = given
        for name in given:  # the model form copies what stands here onto the channel
            data[name] = getattr(self.instance, name)
        return data

    def clean_addresses(self) -> str:
        """One address a line, each checked; blank lines and repeats are left out."""
        given: str = self.cleaned_data["addresses"]
        addresses = list(dict.fromkeys(line.strip() for line in given.splitlines() if line.strip()))
        wrong = [address for address in addresses if not is_email(address)]
        if wrong:
            raise forms.ValidationError(f"This is no e-mail address: {', '.join(wrong[:5])}. Write one a line.")
        if len(addresses) > MAX_ADDRESSES:
            raise forms.ValidationError(f"At most {MAX_ADDRESSES} addresses are taken; use a mailing list for more.")
        return "\n".join(addresses)

    def _check_url(self, url: str) -> None:
        if "url" in self.errors or "url" not in self.fields:
            return
        host = channels.host_of(url)
        if not url:
            self.add_error("url", "This channel needs an address. Enter it.")
        elif not host or urlsplit(url).scheme not in ("http", "https"):
            self.add_error("url", "The address must begin with https:// or http:// and name a host.")
        elif "@" in urlsplit(url).netloc:
            self.add_error("url", "The address must not hold a user name or password.")

    def _check_secret(self, secret: str) -> None:
        try:
            signing.key_of(secret)
        except BrokerError as error:
            self.add_error("secret", error.sentence)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        for name, value in getattr(self, "_given", {}).items():
            setattr(self.instance, name, value)
        self.instance.host = channels.host_of(self.instance.url)
