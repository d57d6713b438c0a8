"""The demo's deployment before the outage, what something costs the business, and causes of its incidents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerting.causes.deployments import record_deployment
from alerting.causes.explaining import explain
from alerting.incident_rows import Incident
from contracts.tenant_scope import across_tenants
from controlplane.demo.configuration import Made
from controlplane.demo.incidents import Incidents
from controlplane.demo.past import Past
from insights.keeping import keep_calls_of, keep_savings_of
from insights.services import create_impact_rule

_BEFORE = timedelta(minutes=7)


def build_insights(made: Made, past: Past, incidents: Incidents, until: datetime) -> None:
    """Of the first tenant."""
    tenant = made.tenants[0]
    outage = datetime.fromtimestamp(incidents.outage.start_ms / 1000, UTC)
    who = tenant.people["developer"][0].username
    for at, version, note in ((outage - timedelta(hours=5), "4.11.0", ""), (outage - _BEFORE, "4.12.0", "New prompts")):
        with past.at(at, who), across_tenants("the demo makes rows of its tenants"):
            record_deployment(
                tenant=tenant.row, service="assistant", version=version, environment="production", note=note
            )
    owner = tenant.people["owner"][0].username
    with past.at(until - timedelta(days=1), owner), across_tenants("the demo makes rows of its tenants"):
        create_impact_rule(tenant=tenant.row, name="Somebody gives up", outcome="failed", nanousd=400_000_000)
        create_impact_rule(
            tenant=tenant.row, name="Support is on call", outcome="incident", severity="warning", nanousd=2_000_000_000
        )


def explain_incidents(made: Made) -> None:
    """Once the calls are in the ledger; as of each incident's end, or of now."""
    with across_tenants("the demo's incidents"):
        rows = list(
            Incident.objects.filter(tenant__in=[tenant.row for tenant in made.tenants]).select_related("tenant")
        )
    for incident in rows:
        explain(incident=incident, now=incident.resolved_at)


def keep_figures(made: Made) -> None:
    """What beat has kept where an installation runs for more than minutes: of the demo's tenants alone."""
    for tenant in made.tenants:
        keep_calls_of(tenant=tenant.row)
        keep_savings_of(tenant=tenant.row)
