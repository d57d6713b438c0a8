"""What the demo has of alerts: rules, an incident of the outage, and what an action would have done."""

from __future__ import annotations

from alerting.models import ActionRun, AlertAction, AlertRule, Incident, IncidentEntry
from contracts.tenant_scope import across_tenants
from controlplane.demo.story import Story


def test_the_outage_is_an_incident_that_is_over(demo_small: Story):
    tenant = demo_small.made.tenants[0].row
    with across_tenants("a test looks"):
        incident = Incident.objects.get(tenant=tenant, title="Unusual errors")
        kinds = list(IncidentEntry.objects.filter(tenant=tenant, incident=incident).values_list("kind", flat=True))

    assert incident.state == "resolved"
    assert (kinds[0], kinds[-1]) == ("opened", "resolved")
    assert incident.resolved_at is not None
    assert incident.began_at < incident.resolved_at


def test_an_action_still_is_a_dry_run(demo_small: Story):
    tenant = demo_small.made.tenants[0].row
    with across_tenants("a test looks"):
        assert AlertRule.objects.filter(tenant=tenant, kind="anomaly").count() == 6
        action = AlertAction.objects.get(tenant=tenant)
        runs = list(ActionRun.objects.filter(tenant=tenant))

    assert (action.dry_run, action.kind) == (True, "drain_target")
    assert action.target is not None
    assert action.target.model.provider.name.startswith("openai")
    assert [run.state for run in runs] == ["would"]
    assert "It would have: Drain " in runs[0].text
