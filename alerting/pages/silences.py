"""Silences: what nobody is told of, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import TemplateView, View

from alerting import services
from alerting.incident_rows import Silence
from alerting.owned import Severity
from alerting.pages.words import AlertingPage, ChangePage, one_of
from alerting.rules import AlertRule
from console.forms import FormPage
from console.forms.views import go_to
from tenants.models import Tenant
from tenants.roles import TenantPermission

MOST = 100
_HOURS = ((1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "1 day"), (72, "3 days"), (168, "1 week"))


class SilenceList(AlertingPage, TemplateView):
    """Those that hold, those to come, and those that are over."""

    template_name = "console/alerting/silences.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the names of the rules."""
        now = timezone.now()
        rows = list(self.workspace.scope(Silence.objects.select_related("tenant"))[:MOST])
        names = dict(self.workspace.scope(AlertRule.objects.order_by("name")).values_list("pk", "name"))
        named = {str(pk): name for pk, name in names.items()}
        shown = [(row, [named[key] for key in row.rules if key in named]) for row in rows]
        return super().get_context_data(
            active=[one for one in shown if one[0].ends_at > now],
            over=[one for one in shown if one[0].ends_at <= now],
            now=now,
            **kwargs,
        )


class SilenceForm(forms.Form):
    """What, for how long, and why."""

    reason = forms.CharField(
        max_length=300, help_text="As the incidents show it, such as: maintenance of the provider."
    )
    hours = forms.TypedChoiceField(label="For", choices=_HOURS, coerce=int, initial=4)
    rules = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen: all of them."
    )
    severity = forms.ChoiceField(
        label="Up to",
        required=False,
        choices=[("", "Any severity"), *((one.value, f"{one.label} and below") for one in Severity)],
        help_text="What is worse is told all the same.",
    )

    def __init__(self, *args: Any, tenant: Tenant | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = AlertRule.objects.filter(tenant=tenant).order_by("name")
        self.fields["rules"].choices = [(str(row.pk), row.name) for row in rows]  # type: ignore[attr-defined]


class SilenceCreate(ChangePage, FormPage):
    """From now on."""

    form_class = SilenceForm
    title, submit_label = "Silence alerts", "Silence them"
    intro = "Incidents are opened and kept all the same; nobody is told."

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the workspace's rules."""
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant}

    def get_initial(self) -> dict[str, Any]:
        """A rule's page leads here."""
        return {"rules": self.request.GET.getlist("rule")}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        given = form.cleaned_data
        now = timezone.now()
        services.create_silence(
            tenant=self.workspace.tenant,
            reason=given["reason"],
            rules=given["rules"],
            severity=given["severity"],
            starts_at=now,
            ends_at=now + timedelta(hours=given["hours"]),
        )
        messages.success(self.request, "Nobody is told of these until then.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("silences"))


class SilenceEnd(AlertingPage, View):
    """Before its time."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """People are told again."""
        try:
            services.end_silence(silence=one_of(self.workspace, Silence.objects.all(), pk))
            messages.success(request, "People are told again.")
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        return go_to(request, self.workspace.url("silences"))
