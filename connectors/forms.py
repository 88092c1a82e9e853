"""Forms of companies and connectors: secrets are written and never read back; a platform declares its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.validators import validate_email
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localdate
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from broker_project.lib.pages import FieldedForm

from .configuring import ENTER_AGAIN, host_of, new_hosts, shown, stored
from .expiry import days_left
from .models import Company, Connector
from .platforms.contract import Platform, Setting

CLEAR = object()
"""What a secret field gives when the kept secret is to be removed; None means: keep what is there."""

MAX_ADDRESSES = 20

VALID_UNTIL = "credentials_expire_on"
SET = "set, leave empty to keep"
PREFIX = "setting_"


class SecretWidget(forms.MultiWidget):
    """An input that never shows a value, and a box that clears the one that is kept."""

    def __init__(self, *, lines: bool = False) -> None:
        attrs = {"autocomplete": "off" if lines else "new-password", "spellcheck": "false"}
        entry = UnfoldAdminTextareaWidget({**attrs, "rows": 3}) if lines else UnfoldAdminPasswordWidget(attrs)
        super().__init__([entry, forms.CheckboxInput()])
        self.kept = False
        self.clearable = True

    def decompress(self, value: Any) -> list[Any]:
        return [None, False]

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        # Neither the kept secret nor one just typed is ever written into a page.
        id = (attrs or {}).get("id", f"id_{name}")
        hint = {"id": f"{id}_0", "placeholder": SET if self.kept else "not set"}
        entry = self.widgets[0].render(f"{name}_0", None, hint, renderer)
        box = self.widgets[1].render(f"{name}_1", False, {"id": f"{id}_1"}, renderer)
        clear = format_html('<label for="{}_1">{} Remove the kept value</label>', id, box)
        return format_html(
            '<div class="broker-secret">{}{}</div>', entry, clear if self.kept and self.clearable else ""
        )


class SecretField(forms.MultiValueField):
    """Gives the typed secret, None to keep what is there, or CLEAR."""

    widget: SecretWidget
    is_secret = True  # the audit says only that it was changed

    def __init__(self, *, label: str, help_text: str = "", mandatory: bool = False, lines: bool = False) -> None:
        self.mandatory = mandatory
        super().__init__(
            fields=(forms.CharField(required=False), forms.BooleanField(required=False)),
            widget=SecretWidget(lines=lines),
            label=label,
            help_text=help_text,
            required=False,
            require_all_fields=False,
        )

    def keeps(self, kept: bool) -> None:
        """Say whether there is a secret already."""
        self.widget.kept = kept
        self.widget.clearable = not self.mandatory

    def compress(self, data_list: list[Any]) -> Any:
        typed, clear = data_list or ["", False]
        if typed and clear:
            raise forms.ValidationError("Either type a new value or clear the kept one, not both.")
        if self.mandatory and not typed and (clear or not self.widget.kept):
            raise forms.ValidationError("This secret is needed. Enter it.")
        if clear:
            return CLEAR
        return typed or None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return any(data or [])


def keeps_past_date(form: forms.BaseForm) -> bool:
    """Whether credentials were changed beside a date of their last day that has passed."""
    last = form.cleaned_data.get(VALID_UNTIL)
    if last is None or days_left(last, localdate()) >= 0:
        return False
    return any(isinstance(form.fields[name], SecretField) for name in form.changed_data if name != "webhook_secret")


def chosen(kept: str, given: Any) -> str:
    """The secret after the form: the kept one, the new one, or none."""
    if given is CLEAR:
        return ""
    return kept if given is None else str(given)


class CompanyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A company; its credentials are only ever written."""

    client_secret = SecretField(label="Client secret", help_text="From Field Nation. Encrypted; never shown again.")
    password = SecretField(label="Password", help_text="Of the API user. Encrypted; never shown again.")
    webhook_secret = SecretField(
        label="Webhook secret",
        help_text="As Field Nation shows it, with its hyphens. After a change the old one is accepted for 24 hours "
        "more; clearing it refuses all webhooks at once.",
    )

    SECRETS = ("client_secret", "password", "webhook_secret")

    class Meta:
        model = Company
        fields = ("name",)  # the admin's fieldsets name all of them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.SECRETS:
            self.initial.pop(name, None)
            field = self.fields.get(name)
            if isinstance(field, SecretField):
                field.keeps(bool(getattr(self.instance, name)))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        custom = data.get("environment") == Company.Environment.CUSTOM
        if custom and not data.get("custom_api_base") and "custom_api_base" not in self.errors:
            self.add_error("custom_api_base", "The environment “Custom address” needs the address of its API.")
        self._given = {name: data[name] for name in self.SECRETS if name in data}
        self._refuse_other_host(data)
        for name in self._given:  # the model form copies what stands here onto the company
            data[name] = getattr(self.instance, name)
        return data

    def _refuse_other_host(self, data: Mapping[str, Any]) -> None:
        """The kept credentials were given for the API's host before."""
        company = self.instance
        if company.pk is None or "environment" not in data:
            return
        after = Company(environment=data["environment"], custom_api_base=data.get("custom_api_base") or "")
        host = host_of(after.api_base)
        if not host or host == host_of(company.api_base):
            return
        for name in ("client_secret", "password"):
            if getattr(company, name) and self._given.get(name, "") is None:
                self.add_error(name, ENTER_AGAIN.format(hosts=host))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        company = self.instance
        given = getattr(self, "_given", {})
        for name in ("client_secret", "password"):
            setattr(company, name, chosen(getattr(company, name), given.get(name)))
        secret = given.get("webhook_secret")
        if secret is CLEAR:
            company.webhook_secret = company.previous_webhook_secret = ""
        elif secret and secret != company.webhook_secret:
            company.change_webhook_secret(secret)


class ConnectorForm(FieldedForm):
    """A connector of one platform. ``form_for`` adds the fields that the platform declares."""

    platform_used: Platform | None = None

    class Meta:
        model = Connector
        fields = ("name",)  # the admin's fieldsets name all of them
        labels: ClassVar = {
            "outbound_create": "Outbound Create",
            "notification_emails": "Notification Email Addresses",
        }
        widgets: ClassVar = {"notification_emails": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for setting in self._declared():
            field = self.fields.get(PREFIX + setting.name)
            if isinstance(field, SecretField):
                field.keeps(bool(self.instance.secrets.get(setting.name)))
            elif field is not None:
                self.initial[PREFIX + setting.name] = shown(setting, self.instance.settings)

    LIMITS = ("requests_per_minute", "burst", "max_concurrent", "hop_limit")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in self.LIMITS:
            if data.get(name) == 0:
                self.add_error(name, "Enter 1 or more: with 0 nothing would ever be sent.")
        if data.get("burst") and not data.get("requests_per_minute") and "requests_per_minute" not in self.errors:
            self.add_error("burst", "A burst needs the calls per minute too. Enter them, or leave this empty.")
        self._settings, self._secrets = self._configuration(data)
        if self.platform_used and not self.errors:
            for name, sentence in self.platform_used.check(self._settings, self._secrets).items():
                field = PREFIX + name
                self.add_error(field if field in self.fields else None, sentence)
        return data

    def _configuration(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        configured: dict[str, Any] = {}
        secrets: dict[str, str] = {}
        for setting in self._declared():
            value = data.get(PREFIX + setting.name)
            if setting.secret:
                value = chosen(self.instance.secrets.get(setting.name, ""), value)
            if not setting.secret:
                configured[setting.name] = value
            elif value:
                secrets[setting.name] = value
        settings = stored(self._declared(), configured, self.instance.settings)
        if hosts := new_hosts(self._declared(), self.instance.settings, settings):
            secrets = self._given_anew(secrets, settings, data, hosts)
        return settings, secrets

    def _given_anew(
        self, secrets: Mapping[str, str], settings: Mapping[str, Any], data: Mapping[str, Any], hosts: str
    ) -> dict[str, str]:
        """Without kept secrets that are not in use; those in use have to be entered again."""
        kept = [each for each in self._declared() if each.name in secrets and data.get(PREFIX + each.name) is None]
        for setting in kept:
            if setting.applies(settings, self._declared()) and PREFIX + setting.name in self.fields:
                self.add_error(PREFIX + setting.name, ENTER_AGAIN.format(hosts=hosts))
        return {name: value for name, value in secrets.items() if name not in {each.name for each in kept}}

    def clean_notification_emails(self) -> str:
        """One address a line, each checked; blank lines and repeats are left out."""
        given: str = self.cleaned_data["notification_emails"]
        addresses = list(dict.fromkeys(line.strip() for line in given.splitlines() if line.strip()))
        wrong = [address for address in addresses if not is_email(address)]
        if wrong:
            raise forms.ValidationError(
                f"This is no e-mail address: {', '.join(wrong[:5])}. Write one a line, such as desk@example.test."
            )
        if len(addresses) > MAX_ADDRESSES:
            raise forms.ValidationError(f"At most {MAX_ADDRESSES} addresses are taken; use a mailing list for more.")
        return "\n".join(addresses)

    def _post_clean(self) -> None:
        if self.platform_used:
            self.instance.platform = self.platform_used.slug
            self.instance.settings, self.instance.secrets = self._settings, self._secrets
        super()._post_clean()  # type: ignore[misc]

    def field_of(self, sentence: str) -> str:
        return "name"  # the one rule over several fields: a name is given once in a company

    def _get_validation_exclusions(self) -> set[str]:
        # The company stands fixed on the page of a connector, yet the name must be free in it.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"company"} if self.instance.company_id else excluded

    def _declared(self) -> tuple[Setting, ...]:
        return self.platform_used.settings if self.platform_used else ()


def form_for(platform: Platform) -> type[ConnectorForm]:
    """The connector form with the fields of this platform, each named ``setting_<name>``."""
    fields: dict[str, Any] = {PREFIX + setting.name: _field(setting) for setting in platform.settings}
    return type("PlatformForm", (ConnectorForm,), {**fields, "platform_used": platform})


def condition_of(setting: Setting) -> str:
    """When the form shows the setting, as an expression over its fields."""
    name, values = setting.shown_when or ("", ())
    return " || ".join(f"{PREFIX}{name} == '{value}'" for value in values)


def is_email(text: str) -> bool:
    try:
        validate_email(text)
    except forms.ValidationError:
        return False
    return True


def _field(setting: Setting) -> forms.Field:
    if setting.secret:
        return SecretField(
            label=setting.label,
            help_text=setting.help,
            mandatory=setting.required,
            lines=setting.kind == "headers",
        )
    common: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.help,
        "required": setting.required,
        "initial": setting.default,
    }
    if setting.kind == "choice":
        return forms.ChoiceField(choices=setting.choices, widget=UnfoldAdminSelectWidget(), **common)
    if setting.kind == "integer":
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget(), **common)
    if setting.kind == "boolean":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget(), **{**common, "required": False})
    if setting.kind == "headers":
        return forms.CharField(widget=UnfoldAdminTextareaWidget({"rows": 3}), **common)
    # Addresses are text here: the platform's own check knows better what it accepts, internal host names for one.
    return forms.CharField(widget=UnfoldAdminTextInputWidget(), **common)
