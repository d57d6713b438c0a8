"""Why an incident happened, on its page; and who writes summaries."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError

from alerting.causes.evidence import Evidence, Outcome
from alerting.causes.rows import IncidentCauses, SummaryWriter
from alerting.causes.selecting import causes_of
from alerting.causes.table import SegmentRow, change, conclusion, distance, rate, segment_rows
from alerting.incident_rows import Incident
from alerting.pages.words import NANO, ChangePage
from console.forms.views import FormPage
from tenants.models import Tenant

ICONS = {
    "deployment": "rocket",
    "configuration": "settings",
    "policy": "shield",
    "price": "coin",
    "key": "key",
    "breaker": "plug-connected-x",
    "provider_errors": "alert-triangle",
}


class ShownCauses(msgspec.Struct, frozen=True):
    """What the page draws."""

    row: IncidentCauses
    evidence: Evidence
    change: str
    conclusion: str
    segments: list[SegmentRow]
    inside: list[SegmentRow]
    inside_of: str
    outcomes: list[tuple[str, str, str]]
    happened: list[dict[str, Any]]
    hidden: bool = False
    """It is about costs, which the reader may not see."""


def shown_causes(incident: Incident, *, sees_costs: bool) -> ShownCauses | None:
    """None where nothing was worked out yet."""
    found = causes_of(incident)
    if found is None:
        return None
    row, evidence = found
    return ShownCauses(
        row=row,
        evidence=evidence,
        change=change(evidence),
        conclusion=conclusion(evidence),
        segments=segment_rows(evidence, evidence.segments),
        inside=segment_rows(evidence, evidence.inside),
        inside_of=str(evidence.blamed[0]) if evidence.blamed else "",
        outcomes=[_outcome(one) for one in evidence.outcomes],
        happened=[
            {
                "icon": ICONS.get(one.kind, "circle-dot"),
                "text": one.text,
                "at": one.at,
                "distance": distance(one.minutes_before),
                "actor": one.actor,
                "link": one.link if one.link.startswith(("https://", "http://")) else "",
                "concerns": one.concerns,
            }
            for one in evidence.happened
        ],
        hidden=evidence.unit == "money" and not sees_costs,
    )


def _outcome(one: Outcome) -> tuple[str, str, str]:
    return one.code, rate(one.before), rate(one.now)


class SummaryForm(forms.Form):
    """Over which route, and for how much."""

    route = forms.CharField(
        label="Route or model",
        max_length=200,
        help_text="Asked once per incident, with the evidence table and nothing that callers wrote.",
    )
    dollars = forms.DecimalField(
        label="Budget a month",
        min_value=0,
        max_digits=12,
        decimal_places=6,
        help_text="In dollars. A summary costs a fraction of a cent with most models.",
    )
    enabled = forms.BooleanField(label="Write summaries", required=False)

    def clean_dollars(self) -> int:
        """In nano-dollars.

        Raises:
            ValidationError: it is nothing.
        """
        nanousd = int(self.cleaned_data["dollars"] * NANO)
        if nanousd <= 0:
            raise ValidationError("Give at least a little.")
        return nanousd


class SummaryPage(ChangePage, FormPage):
    """Who writes summaries of a tenant's incidents; the platform has nobody to pay for the calls."""

    form_class = SummaryForm
    title = "Written summaries"
    intro = (
        "A model of your choice says in a few sentences what the evidence about an incident comes to. It is asked once "
        "per incident, gets the evidence table and nothing that callers wrote, and the table stays beside its text."
    )
    success_message = "Kept. Incidents that open from now on have a summary."

    def get_initial(self) -> dict[str, Any]:
        """As it stands."""
        row = SummaryWriter.objects.for_tenant(self._tenant).first()
        if row is None:
            return {"dollars": 1, "enabled": True}
        return {"route": row.route, "dollars": row.budget_nanousd / NANO, "enabled": row.enabled}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        # It asks models, and pages of incidents are read without the gateway.
        from alerting.causes.writing import choose_writer

        given = form.cleaned_data
        choose_writer(
            tenant=self._tenant, route=given["route"], budget_nanousd=given["dollars"], enabled=given["enabled"]
        )
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The incidents that are summarised."""
        return str(self.workspace.url("incidents"))

    @property
    def _tenant(self) -> Tenant:
        assert self.workspace.tenant is not None
        return self.workspace.tenant
