"""Which addresses get mail about budgets, and which channels of Slack are told."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from tenants.notifications import NotificationAddress
from tenants.notifying import (
    add_address,
    add_slack,
    change_address,
    change_webhook,
    remove_address,
    send_test,
)
from tenants.outgoing import MAX_URL_LENGTH
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

FROM_CHOICES = ((1, "Every threshold"), (80, "From 80% on"), (100, "Only when it is used up"))


class AddressForm(forms.Form):
    """An address and what it wants to know."""

    email = forms.EmailField(
        label="E-mail address", help_text="Of a person or a mailing list; it need not be a member's."
    )
    from_percent = forms.TypedChoiceField(
        label="Tell it of", choices=FROM_CHOICES, coerce=int, initial=1, widget=forms.RadioSelect
    )


class SlackForm(forms.Form):
    """A channel, its webhook, and what it wants to know."""

    channel = forms.CharField(label="Channel", max_length=80, help_text="What people call it, such as #llm-costs.")
    webhook = forms.CharField(
        label="Webhook URL",
        max_length=MAX_URL_LENGTH,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Of an incoming webhook: in Slack under Apps, Incoming Webhooks. It is stored encrypted and not "
        "shown again.",
    )
    from_percent = forms.TypedChoiceField(
        label="Tell it of", choices=FROM_CHOICES, coerce=int, initial=1, widget=forms.RadioSelect
    )


class SlackEditForm(SlackForm):
    """The same; the webhook stays unless another one is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["webhook"].required = False
        self.fields["webhook"].help_text = "Empty: it stays as it is."


class ChangeSettings(WorkspacePage):
    """For who may change settings."""

    permission = TenantPermission.CHANGE_SETTINGS

    def settings_url(self) -> str:
        """Where all of this is listed."""
        return self.workspace.url("settings")

    @cached_property
    def address(self) -> NotificationAddress:
        """The row of the address.

        Raises:
            Http404: the tenant has none of this id.
        """
        rows = self.workspace.scope(NotificationAddress.objects.select_related("tenant", "webhook"))
        found: NotificationAddress = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found


class AddressPage(ChangeSettings, FormPage):
    """Base of the forms."""

    def cancel_url(self) -> str:
        """All settings."""
        return self.settings_url()


class AddressCreate(AddressPage):
    """Add one."""

    form_class = AddressForm
    title, submit_label = "Add an address", "Add it"
    intro = "Mail goes out within a minute of a budget reaching one of its thresholds."
    success_message = "{email} is told from now on."

    def save(self, form: forms.Form) -> str:
        """Audited."""
        assert self.workspace.tenant is not None
        add_address(tenant=self.workspace.tenant, **form.cleaned_data)
        return self.settings_url()


class SlackCreate(AddressPage):
    """Add a channel of Slack."""

    form_class = SlackForm
    title, submit_label = "Add a Slack channel", "Add it"
    intro = "A message goes out within a minute of a budget reaching one of its thresholds."
    success_message = "{channel} is told from now on."

    def save(self, form: forms.Form) -> str:
        """Audited; the log has no webhook."""
        assert self.workspace.tenant is not None
        add_slack(tenant=self.workspace.tenant, **form.cleaned_data)
        return self.settings_url()


class AddressEdit(AddressPage):
    """Change one."""

    title, submit_label = "Change an address", "Save"
    success_message = "Saved."

    def get_form_class(self) -> type[forms.Form]:
        """That of its kind."""
        return SlackEditForm if self.address.kind == NotificationAddress.Kind.SLACK else AddressForm

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        percent = self.address.from_percent
        nearest = max((value for value, _ in FROM_CHOICES if value <= percent), default=1)
        return {"email": self.address.email, "channel": self.address.channel, "from_percent": nearest}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        given = dict(form.cleaned_data)
        webhook = given.pop("webhook", "")
        with transaction.atomic():
            address = change_address(address=self.address, **given)
            if webhook:
                change_webhook(address=address, webhook=webhook)
        return self.settings_url()


class AddressDelete(ChangeSettings, View):
    """Take one away."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Audited."""
        remove_address(address=self.address)
        messages.success(request, f"{self.address} is told no longer.")
        return go_to(request, self.settings_url())


class AddressTest(ChangeSettings, View):
    """Show that notices arrive."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Says whether it was taken."""
        if send_test(address=self.address):
            messages.success(request, f"A test is on its way to {self.address}.")
        elif self.address.kind == NotificationAddress.Kind.SLACK:
            messages.error(request, "Slack did not take it: check that the webhook still exists, or give another one.")
        else:
            messages.error(
                request, "The mail server did not take it: ask whoever runs the platform to look at its log."
            )
        return go_to(request, self.settings_url())
