"""The demo's alerts: recommended rules, people who are told, a dry run of an action, the incident of the outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Count

from alerting import incidents as steps
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.services import save_action
from alerting.actions.telling import tell_taken
from alerting.actions.words import order
from alerting.channel_rows import Channel, Delivery
from alerting.channel_services import create_channel
from alerting.incident_rows import Alert, EscalationPolicy, Incident
from alerting.owned import Severity
from alerting.recommended import add_recommended
from alerting.rules import AlertRule
from alerting.services import save_escalation
from contracts.tenant_scope import across_tenants
from controlplane.demo.configuration import Made, MadeTenant
from controlplane.demo.incidents import Incidents
from controlplane.demo.past import Past
from routing.models import Route, Target

_NOTICED_AFTER: Final = timedelta(minutes=4)
_HELD_FOR: Final = timedelta(minutes=5)
_SENT_WITHIN: Final = timedelta(seconds=2)


def build_alerts(made: Made, past: Past, incidents: Incidents, until: datetime) -> None:
    """Of the first tenant; the incident where the outage was over by then."""
    tenant = made.tenants[0]
    developer = tenant.people["developer"][0].username
    with across_tenants("the demo makes rows of its tenants"):
        with past.at(until - timedelta(days=6), developer):
            rules = {rule.name: rule for rule in add_recommended(tenant=tenant.row)}
            action = _action(tenant, incidents.outage.whose, rules["Unusual errors"])
            _experiments(tenant)
        began, ended = (
            datetime.fromtimestamp(ms / 1000, UTC) for ms in (incidents.outage.start_ms, incidents.outage.end_ms)
        )
        if ended < until:
            _outage(rules["Unusual errors"], action, past, began, ended)
        with past.at(until - timedelta(days=6), developer):
            _tell_people(tenant)


def _tell_people(tenant: MadeTenant) -> None:
    """Channels, what they were told of the outage, and an escalation. Nothing is sent: the domain is nobody's."""
    domain = tenant.plan.domain
    on_call, _ = create_channel(
        tenant=tenant.row, kind=Channel.Kind.EMAIL.value, name="On call", address=f"oncall@{domain}"
    )
    lead, _ = create_channel(
        tenant=tenant.row,
        kind=Channel.Kind.EMAIL.value,
        name="Head of platform",
        address=f"platform.lead@{domain}",
        on_escalation_only=True,
    )
    steps = [
        {"after_minutes": 10, "channels": [str(on_call.pk)]},
        {"after_minutes": 30, "channels": [str(on_call.pk), str(lead.pk)]},
    ]
    policy = EscalationPolicy(tenant=tenant.row, name="Nobody looks", from_severity=Severity.CRITICAL.value)
    save_escalation(policy=policy, steps=steps)
    for incident in Incident.objects.filter(tenant=tenant.row).exclude(resolved_at=None):
        for what, at in (("opened:1", incident.opened_at), ("resolved:1", incident.resolved_at)):
            Delivery.objects.create(
                tenant=tenant.row,
                channel=on_call,
                incident=incident,
                what=what,
                outcome=Delivery.Outcome.SENT,
                tries=1,
                created_at=at,
                ended_at=at + _SENT_WITHIN,
            )


def _action(tenant: MadeTenant, provider: str, rule: AlertRule) -> AlertAction | None:
    """Drains a target at the provider that fails, where its route has another one."""
    targets = Target.objects.filter(route__tenant=tenant.row, model__provider__name__startswith=provider, enabled=True)
    for target in targets.select_related("route", "model__provider").order_by("route__name", "pk"):
        if Target.objects.filter(route=target.route_id, route__tenant=tenant.row, enabled=True).count() > 1:
            return save_action(
                action=AlertAction(tenant=tenant.row),
                may=lambda _permission: True,
                name="Spare the provider that fails",
                kind=AlertAction.Kind.DRAIN,
                target=target,
                rule=rule,
                undo_on_clear=True,
            )
    return None


def _experiments(tenant: MadeTenant) -> None:
    """Has experiments on the first route that is served by several models taken back, as soon as somebody lets it."""
    routes = Route.objects.filter(tenant=tenant.row).annotate(served_by=Count("targets")).filter(served_by__gt=1)
    route = routes.order_by("name").first()
    if route is not None:
        save_action(
            action=AlertAction(tenant=tenant.row),
            may=lambda _permission: True,
            name=f"Take experiments on {route.name} back",
            kind=AlertAction.Kind.ROUTE,
            route=route,
            within_minutes=120,
        )


def _outage(rule: AlertRule, action: AlertAction | None, past: Past, began: datetime, ended: datetime) -> None:
    noticed = began + _NOTICED_AFTER
    with past.at(noticed, "alerting.check"):
        alert = steps.open_alert(
            rule=rule,
            severity=rule.severity,
            began_at=began,
            fired_at=noticed,
            value=0.31,
            summary="Error rate is 31%, at this time usually 0% to 3%: all calls.",
        )
    if action is not None and noticed + _HELD_FOR < ended:
        with past.at(noticed + _HELD_FOR, f"alert “{alert.name}”"):
            _would(action, alert, noticed + _HELD_FOR)
    with past.at(ended + _HELD_FOR, "alerting.check"):
        steps.close_alert(alert=alert, at=ended)


def _would(action: AlertAction, alert: Alert, at: datetime) -> None:
    """What the check writes of a dry run; whether circuits are open today is no matter of that day."""
    run = ActionRun(
        tenant_id=alert.tenant_id,
        action=action,
        alert=alert,
        incident=alert.incident,
        name=action.name,
        kind=action.kind,
        state=ActionRun.State.WOULD,
        text=f"Dry run, nothing was changed. It would have: {order(action)}.",
        undo_on_clear=action.undo_on_clear,
        at=at,
    )
    run.save()
    tell_taken(run)
    steps.note_action(run.incident, run.text)
