"""Channels: who is told and how, what was delivered, and what happens when nobody acknowledges."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import TemplateView, View

from alerting import channel_services, sending, services
from alerting.channel_rows import Channel, Delivery
from alerting.incident_rows import EscalationPolicy
from alerting.owned import Severity
from alerting.pages.words import AlertingPage, ChangePage, one_of
from console.forms import FormPage
from console.forms.views import go_to
from tenants.changes import delete_row
from tenants.models import Tenant
from tenants.roles import TenantPermission

Kind = Channel.Kind
MOST = 100
MOST_DELIVERIES = 50
KINDS = (
    (Kind.EMAIL, "E-mail", "mail", "A person or a mailing list."),
    (Kind.SLACK, "Slack", "brand-slack", "A channel, through an incoming webhook."),
    (Kind.PAGERDUTY, "PagerDuty", "bell", "A service, through the Events API: acknowledged and resolved with us."),
    (Kind.WEBHOOK, "Webhook", "webhook", "A program of your own: JSON, signed."),
)
ICONS = {kind.value: icon for kind, _, icon, _ in KINDS}
_SEVERITIES = [
    (Severity.INFO.value, "Every incident"),
    (Severity.WARNING.value, "From warnings on"),
    (Severity.CRITICAL.value, "Critical ones only"),
]


class ChannelList(AlertingPage, TemplateView):
    """Channels with their last delivery, and escalations."""

    template_name = "console/alerting/channels.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What failed last is shown beside its channel."""
        rows = self.workspace.scope(Channel.objects.select_related("tenant")).annotate(
            last_sent=Max("deliveries__ended_at", filter=Q(deliveries__outcome="sent")),
            last_failed=Max("deliveries__ended_at", filter=Q(deliveries__outcome="failed")),
        )
        channels = list(rows[:MOST])
        names = {str(row.pk): row.name for row in channels}
        policies = list(self.workspace.scope(EscalationPolicy.objects.select_related("tenant"))[:MOST])
        return super().get_context_data(
            channels=[(row, ICONS[row.kind]) for row in channels],
            policies=[
                (one, [(step["after_minutes"], [names.get(k, "–") for k in step["channels"]]) for step in one.steps])
                for one in policies
            ],
            **kwargs,
        )


class ChannelKinds(ChangePage, TemplateView):
    """The kinds to choose from."""

    template_name = "console/alerting/channel_kinds.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All of them."""
        return super().get_context_data(kinds=KINDS, **kwargs)


class ChannelForm(forms.Form):
    """What its kind takes."""

    name = forms.CharField(max_length=64, help_text="As deliveries and escalations name it.")
    address = forms.CharField(max_length=500)
    secret = forms.CharField(
        max_length=500, widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
    )
    from_severity = forms.ChoiceField(
        label="Tell it of", choices=_SEVERITIES, initial=Severity.WARNING.value, widget=forms.RadioSelect
    )
    on_escalation_only = forms.BooleanField(
        label="Only when an escalation comes to it", required=False, help_text="For those who are called last."
    )
    enabled = forms.BooleanField(label="Switched on", required=False, initial=True)

    def __init__(self, *args: Any, kind: str, channel: Channel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        address, secret = self.fields["address"], self.fields["secret"]
        if kind in (Kind.SLACK, Kind.PAGERDUTY):
            del self.fields["address"]
            slack = kind == Kind.SLACK
            secret.label = "Webhook URL" if slack else "Integration key"
            secret.help_text = (
                "In Slack under Apps, Incoming Webhooks." if slack else "Of an Events API V2 integration."
            )
            secret.help_text += " Stored encrypted, not shown again."
        else:
            del self.fields["secret"]
            address.label = "E-mail address" if kind == Kind.EMAIL else "URL"
            if kind == Kind.EMAIL:
                address.widget = forms.EmailInput()
            else:
                address.help_text = "What is posted there is signed; the secret is shown once after this."
        if channel is not None:
            secret.required = False
            secret.help_text = "Empty: it stays as it is."


class OfChannel(AlertingPage):
    """One channel of the workspace."""

    @cached_property
    def channel(self) -> Channel:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        rows = Channel.objects.select_related("tenant", "secret")
        found: Channel = one_of(self.workspace, rows, self.kwargs["pk"])
        return found


class ChannelPage(OfChannel, TemplateView):
    """What it gets, and what was delivered."""

    template_name = "console/alerting/channel.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With its last deliveries."""
        channel = self.channel
        rows = Delivery.objects.filter(tenant=channel.tenant_id, channel=channel).select_related("incident")
        told = dict(_SEVERITIES)[channel.from_severity]
        return super().get_context_data(
            channel=channel, icon=ICONS[channel.kind], told=told, deliveries=rows[:MOST_DELIVERIES], **kwargs
        )


class ChannelCreate(ChangePage, FormPage):
    """A new one of the kind in the address."""

    form_class = ChannelForm
    submit_label = "Add the channel"

    @property
    def kind(self) -> str:
        """As the address has it.

        Raises:
            Http404: there is no such kind.
        """
        kind = str(self.kwargs["kind"])
        if kind not in ICONS:
            raise Http404("There is no such kind of channel.")
        return kind

    def get_title(self) -> str:
        """Names the kind."""
        return f"Add a channel: {Kind(self.kind).label}"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is the kind's."""
        return {**super().get_form_kwargs(), "kind": self.kind}

    def save(self, form: forms.Form) -> str | HttpResponse:
        """A webhook's secret is shown this once."""
        channel, secret = channel_services.create_channel(
            tenant=self.workspace.tenant, kind=self.kind, **form.cleaned_data
        )
        if secret:
            return render(self.request, "console/alerting/secret.html", {"channel": channel, "secret_value": secret})
        messages.success(self.request, f"“{channel.name}” is there. Send a test to see that messages arrive.")
        return self.workspace.url("alert-channel", pk=channel.pk)

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("alert-channels"))


class ChannelEdit(OfChannel, FormPage):
    """One that there is."""

    permission = TenantPermission.MANAGE_ALERTS
    form_class = ChannelForm
    submit_label = "Save the channel"
    success_message = "Saved."

    def get_title(self) -> str:
        """Names it."""
        return f"Channel “{self.channel.name}”"

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        names = ("name", "address", "from_severity", "on_escalation_only", "enabled")
        return {name: getattr(self.channel, name) for name in names}

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is the kind's."""
        return {**super().get_form_kwargs(), "kind": self.channel.kind, "channel": self.channel}

    def save(self, form: forms.Form) -> str:
        """Audited; the log has no secret."""
        channel_services.change_channel(channel=self.channel, **form.cleaned_data)
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Its page."""
        return str(self.workspace.url("alert-channel", pk=self.channel.pk))


class ChannelDelete(OfChannel, View):
    """Away with it."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """It is told of nothing more."""
        channel_services.delete_channel(channel=self.channel)
        messages.success(request, f"“{self.channel.name}” is told of nothing more.")
        return go_to(request, self.workspace.url("alert-channels"))


class ChannelTest(OfChannel, View):
    """Show that messages arrive."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Says what came of it."""
        row = sending.send_test(self.channel)
        if row.outcome == Delivery.Outcome.SENT:
            messages.success(request, f"A test is on its way to “{self.channel.name}”.")
        else:
            messages.error(request, f"The test was not taken. {row.error}")
        return go_to(request, self.workspace.url("alert-channel", pk=self.channel.pk))


class EscalationForm(forms.Form):
    """Up to three steps."""

    name = forms.CharField(max_length=64)
    from_severity = forms.ChoiceField(
        label="Of", choices=_SEVERITIES, initial=Severity.CRITICAL.value, widget=forms.RadioSelect
    )
    enabled = forms.BooleanField(label="Switched on", required=False, initial=True)

    def __init__(
        self, *args: Any, tenant: Tenant | None, policy: EscalationPolicy | None = None, **kwargs: Any
    ) -> None:
        if policy is not None:
            kwargs["initial"] = {"name": policy.name, "from_severity": policy.from_severity, "enabled": policy.enabled}
            for number, step in enumerate(policy.steps[:3], 1):
                kwargs["initial"] |= {f"after_{number}": step["after_minutes"], f"channels_{number}": step["channels"]}
        super().__init__(*args, **kwargs)
        rows = Channel.objects.filter(tenant=tenant).order_by("name")
        choices = [(str(row.pk), row.name) for row in rows]
        for number, minutes in ((1, 10), (2, 30), (3, None)):
            first = number == 1
            self.fields[f"after_{number}"] = forms.IntegerField(
                label=f"Step {number}: after minutes", min_value=1, max_value=1_440, required=first, initial=minutes
            )
            self.fields[f"channels_{number}"] = forms.MultipleChoiceField(
                label=f"Step {number}: tell", choices=choices, required=first, widget=forms.CheckboxSelectMultiple
            )
        self.order_fields(
            [
                *("name", "from_severity"),
                *(f"{name}_{number}" for number in (1, 2, 3) for name in ("after", "channels")),
                "enabled",
            ]
        )

    def values(self) -> dict[str, Any]:
        """For the service: steps without channels are left out."""
        given = self.cleaned_data
        steps = [
            {"after_minutes": given[f"after_{number}"], "channels": given[f"channels_{number}"]}
            for number in (1, 2, 3)
            if given.get(f"after_{number}") and given.get(f"channels_{number}")
        ]
        return {**{name: given[name] for name in ("name", "from_severity", "enabled")}, "steps": steps}


class EscalationCreate(ChangePage, FormPage):
    """A new one."""

    form_class = EscalationForm
    title, submit_label = "Add an escalation", "Add the escalation"
    intro = "While nobody acknowledges an incident, one step after the other is told."
    success_message = "“{name}” is in force."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the workspace's channels."""
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        assert isinstance(form, EscalationForm)
        services.save_escalation(policy=EscalationPolicy(tenant=self.workspace.tenant), **form.values())
        return self.cancel_url()

    def cancel_url(self) -> str:
        """All channels."""
        return str(self.workspace.url("alert-channels"))


class EscalationEdit(EscalationCreate):
    """One that there is."""

    submit_label = "Save the escalation"
    title = "Change an escalation"
    success_message = "Saved."

    @cached_property
    def policy(self) -> EscalationPolicy:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        found: EscalationPolicy = one_of(
            self.workspace, EscalationPolicy.objects.select_related("tenant"), self.kwargs["pk"]
        )
        return found

    def get_form_kwargs(self) -> dict[str, Any]:
        """As it is."""
        return {**super().get_form_kwargs(), "tenant": self.policy.tenant, "policy": self.policy}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        assert isinstance(form, EscalationForm)
        services.save_escalation(policy=self.policy, **form.values())
        return self.cancel_url()


class EscalationDelete(AlertingPage, View):
    """Away with it."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """No further steps are taken."""
        policy: EscalationPolicy = one_of(self.workspace, EscalationPolicy.objects.all(), pk)
        delete_row(policy)
        messages.success(request, f"“{policy.name}” is gone.")
        return go_to(request, self.workspace.url("alert-channels"))
