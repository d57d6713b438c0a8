"""Incidents: the list, one with its timeline, and what people do with it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.generic import TemplateView, View

from alerting import incidents
from alerting.actions.rows import ActionRun
from alerting.channel_rows import Delivery
from alerting.incident_rows import Alert, Incident, IncidentEntry
from alerting.owned import RANKS, Severity
from alerting.pages.actions import shown_runs
from alerting.pages.causes import shown_causes
from alerting.pages.charts import alert_chart
from alerting.pages.words import AlertingPage, one_of
from alerting.post_mortem import post_mortem
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from tenants.models import Membership, User
from tenants.roles import TenantPermission

MOST_CHARTS = 3


class IncidentFilter(django_filters.FilterSet):
    """What incidents are narrowed down by."""

    state = django_filters.ChoiceFilter(
        choices=[("going", "Not resolved"), *Incident.State.choices],
        method="narrowed_by_state",
        label="State",
        empty_label="Any",
    )
    severity = django_filters.ChoiceFilter(choices=Severity.choices, label="Severity", empty_label="Any")

    class Meta:
        """All filters are declared above."""

        model = Incident
        fields: tuple[str, ...] = ()

    @staticmethod
    def narrowed_by_state(rows: QuerySet[Incident], _name: str, value: str) -> QuerySet[Incident]:
        """One state, or all but the last."""
        return rows.exclude(state=Incident.State.RESOLVED) if value == "going" else rows.filter(state=value)


class IncidentTable(Table):
    """The newest first."""

    name = "incidents"
    caption, noun = "Incidents", "incident"
    columns = (
        Column("title", "Incident", template="console/alerting/_title.html", sort="title", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else "All tenants"),
        Column("severity", "Severity", template="console/alerting/_severity.html"),
        Column("state", "State", template="console/alerting/_state.html", sort="state"),
        Column("alerts", "Alerts", kind="number", accessor="alert_count", phone=False),
        Column("owner", "Owner", accessor=lambda row: row.owner.username if row.owner else None, phone=False),
        Column("began_at", "Began", kind="when", sort="began_at"),
        Column("lasted", "Lasted", template="console/alerting/_lasted.html", export=False, accessor="began_at"),
    )
    default_sort = "-began_at"
    search = ("title",)
    search_hint = "Title"
    filterset = IncidentFilter
    exportable = True
    live = "incident.state.changed"
    empty = Empty(
        "bell",
        "No incidents",
        "Rules look at calls every minute. What they find is put together here, with a timeline and an owner.",
        "See the rules",
        "alert-rules",
        "view_usage",
    )

    def row_url(self, row: Incident) -> str:
        """The incident's page."""
        return self.workspace.url("incident", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class IncidentList(AlertingPage, TablePage):
    """All incidents of the workspace."""

    template_name = "console/alerting/incidents.html"
    table_class = IncidentTable

    def get_rows(self) -> QuerySet[Incident]:
        """With the number of their alerts."""
        rows = self.workspace.scope(Incident.objects.select_related("tenant", "owner"))
        found: QuerySet[Incident] = rows.annotate(alert_count=Count("alerts"))
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How many go on."""
        counts = self.workspace.scope(Incident.objects.order_by()).aggregate(
            open=Count("pk", filter=Q(state=Incident.State.OPEN)),
            acknowledged=Count("pk", filter=Q(state=Incident.State.ACKNOWLEDGED)),
        )
        return super().get_context_data(counts=counts, **kwargs)


class OfIncident(AlertingPage):
    """One incident of the workspace."""

    @cached_property
    def incident(self) -> Incident:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        rows = Incident.objects.select_related("tenant", "owner")
        found: Incident = one_of(self.workspace, rows, self.kwargs["pk"])
        return found

    def back(self) -> str:
        """Its page."""
        return self.workspace.url("incident", pk=self.incident.pk)


class IncidentPage(OfIncident, TemplateView):
    """What is wrong, what happened, who looks after it, and who was told."""

    template_name = "console/alerting/incident.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With charts of the first few alerts."""
        incident, owner = self.incident, self.incident.tenant_id
        alerts = list(Alert.objects.filter(tenant=owner, incident=incident).select_related("rule__slo"))
        alerts.sort(key=lambda alert: (alert.resolved_at is not None, -RANKS[alert.severity]))
        return super().get_context_data(
            incident=incident,
            alerts=alerts,
            charts=[(str(alert.pk), chart) for alert in self._charted(alerts) if (chart := alert_chart(alert))],
            entries=IncidentEntry.objects.filter(tenant=owner, incident=incident).order_by("-at", "-id"),
            deliveries=Delivery.objects.filter(tenant=owner, incident=incident).select_related("channel")[:30],
            people=people_for(incident),
            runs=shown_runs(ActionRun.objects.filter(tenant=owner, incident=incident)[:30], self.workspace),
            severities=Severity.choices,
            causes=shown_causes(incident, sees_costs=self.workspace.may(TenantPermission.VIEW_COSTS)),
            advice=list(dict.fromkeys(one.rule.description for one in alerts if one.rule and one.rule.description)),
            **kwargs,
        )

    def _charted(self, alerts: list[Alert]) -> list[Alert]:
        sees_costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        shown = []
        for alert in alerts:
            signal = alert.rule.looks_at if alert.rule else None
            if sees_costs or not (signal and signal.costs):
                shown.append(alert)
        return shown[:MOST_CHARTS]


class IncidentDo(OfIncident, View):
    """One step: ``do`` says which."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Done, or said why not."""
        steps = {
            "acknowledge": self._acknowledge,
            "resolve": self._resolve,
            "note": self._note,
            "assign": self._assign,
            "severity": self._severity,
        }
        step = steps.get(request.POST.get("do", ""))
        try:
            if step is None:
                raise ValidationError("There is no such step.")
            messages.success(request, step())
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        return go_to(request, self.back())

    def _acknowledge(self) -> str:
        incidents.acknowledge(incident=self.incident)
        return "Acknowledged: nobody further is told."

    def _resolve(self) -> str:
        incidents.resolve(incident=self.incident, text=self.request.POST.get("text", "").strip()[:10_000])
        return "Resolved."

    def _note(self) -> str:
        incidents.add_note(incident=self.incident, text=self.request.POST.get("text", ""))
        return "Your note is in the timeline."

    def _assign(self) -> str:
        wanted = self.request.POST.get("owner", "")
        owner = next((user for user in people_for(self.incident) if str(user.pk) == wanted), None)
        if wanted and owner is None:
            raise ValidationError("There is no such person here.")
        incidents.assign(incident=self.incident, owner=owner)
        return f"{owner.username} looks after it." if owner else "Nobody looks after it any more."

    def _severity(self) -> str:
        incidents.set_severity(incident=self.incident, severity=self.request.POST.get("severity", ""))
        return "The severity is changed."


class PostMortem(OfIncident, View):
    """The incident as a document to go on with."""

    def get(self, _request: HttpRequest, pk: Any) -> HttpResponse:
        """Markdown, as a file."""
        text = post_mortem(self.incident, costs=self.workspace.may(TenantPermission.VIEW_COSTS))
        name = f"incident-{self.incident.began_at:%Y-%m-%d}-{str(self.incident.pk)[:8]}.md"
        return HttpResponse(
            text,
            content_type="text/markdown; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def people_for(incident: Incident) -> list[User]:
    """Who may look after it: the tenant's members; of the platform those who run it."""
    if incident.tenant_id is None:
        return list(User.objects.filter(is_staff=True, is_active=True).order_by("username")[:200])
    rows = Membership.objects.filter(tenant=incident.tenant_id, user__is_active=True).select_related("user")
    return [row.user for row in rows.order_by("user__username")[:200]]
