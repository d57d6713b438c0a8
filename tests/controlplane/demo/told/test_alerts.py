"""What the demo has of alerts: rules, an incident of the outage, and what an action would have done."""

from __future__ import annotations

from datetime import timedelta

from alerting.courses import course_of
from alerting.models import (
    ActionRun,
    AlertAction,
    AlertRule,
    Channel,
    Delivery,
    EscalationPolicy,
    Incident,
    IncidentEntry,
)
from contracts.tenant_scope import across_tenants
from controlplane.demo.story import Story
from evaluation.models import PromptMinute


def test_the_outage_is_an_incident_that_is_over(demo_small: Story):
    tenant = demo_small.made.tenants[0].row
    with across_tenants("a test looks"):
        incident = Incident.objects.get(tenant=tenant, title="Unusual errors")
        kinds = list(IncidentEntry.objects.filter(tenant=tenant, incident=incident).values_list("kind", flat=True))

    assert incident.state == "resolved"
    assert (kinds[0], kinds[-1]) == ("opened", "resolved")
    assert incident.resolved_at is not None
    assert incident.began_at < incident.resolved_at


def test_actions_still_are_dry_runs(demo_small: Story):
    tenant = demo_small.made.tenants[0].row
    with across_tenants("a test looks"):
        assert AlertRule.objects.filter(tenant=tenant, kind="anomaly").count() == 6
        action = AlertAction.objects.get(tenant=tenant, kind="drain_target")
        experiments = AlertAction.objects.get(tenant=tenant, kind="roll_back_route")
        runs = list(ActionRun.objects.filter(tenant=tenant))

    assert action.dry_run
    assert experiments.dry_run
    assert experiments.route is not None
    assert experiments.route.tenant_id == tenant.pk
    assert action.target is not None
    assert action.target.model.provider.name.startswith("openai")
    assert [run.state for run in runs] == ["would"]
    assert "It would have: Drain " in runs[0].text


def test_people_were_told_of_the_outage_and_nothing_waits_to_be_sent(demo_small: Story):
    tenant = demo_small.made.tenants[0].row
    with across_tenants("a test looks"):
        channels = {row.name: row for row in Channel.objects.filter(tenant=tenant)}
        deliveries = list(Delivery.objects.filter(tenant=tenant).order_by("created_at"))
        escalation = EscalationPolicy.objects.get(tenant=tenant)

    assert set(channels) == {"On call", "Head of platform"}
    assert all(row.address.endswith(".example") for row in channels.values())
    assert [(row.told, row.outcome) for row in deliveries] == [("Opened", "sent"), ("Resolved", "sent")]
    assert [step["after_minutes"] for step in escalation.steps] == [10, 30]


def test_the_rule_on_prompts_would_have_fired_once_yesterday(demo_small: Story):
    tenant = demo_small.made.tenants[0].row
    with across_tenants("a test looks"):
        rule = AlertRule.objects.get(tenant=tenant, signal="prompt_shift")
        last = PromptMinute.objects.filter(tenant=tenant).latest("start").start
        course = course_of(rule, int((last - timedelta(hours=12)).timestamp()), int(last.timestamp()))
    [spell] = course.spells
    assert spell.ended_at is not None
    assert timedelta(0) < spell.fired_at - (last - timedelta(hours=7)) < timedelta(minutes=30)
