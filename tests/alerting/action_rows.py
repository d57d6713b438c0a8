"""Routes, alerts and actions, for tests of what alerts do by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from alerting.actions.acting import act
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.services import save_action
from alerting.incident_rows import Alert
from alerting.incidents import open_alert
from alerting.rules import AlertRule
from contracts.tenant_scope import across_tenants
from routing.models import Model, Provider, Route, Target
from routing.services import TargetChoice, create_route
from tenants.changes import save_row
from tenants.models import Tenant
from tests.alerting.alert_rows import make_rule


def everything(_permission: Any) -> bool:
    """Somebody who may do all."""
    return True


def make_route(tenant: Tenant | None, *models: str, name: str = "chat") -> Route:
    """A route over models of a sandbox provider, in this order."""
    provider = save_row(
        Provider(tenant=tenant, name=f"{name}-provider", kind="sandbox", base_url="http://sandbox.invalid")
    )
    rows = [
        save_row(Model(provider=provider, name=model, wire_name=model, capabilities=["chat", "streaming"]))
        for model in models
    ]
    choices = [TargetChoice(model=row, priority=place) for place, row in enumerate(rows)]
    return create_route(tenant=tenant, name=name, targets=choices)


def target_of(route: Route, model: str) -> Target:
    """The one with this model, as it is now."""
    with across_tenants("a test looks"):
        return Target.objects.select_related("route", "model__provider").get(route=route, model__name=model)


def make_action(tenant: Tenant | None, **fields: Any) -> AlertAction:
    """One that is taken at once, and for real."""
    values: dict[str, Any] = {"name": "Drain", "kind": "drain_target", "dry_run": False, "after_minutes": 0}
    return save_action(action=AlertAction(tenant=tenant), may=everything, **{**values, **fields})


def fire(tenant: Tenant | None, *, ago: timedelta = timedelta(), rule: AlertRule | None = None, **fields: Any) -> Alert:
    """An alert that goes on since then."""
    at = timezone.now() - ago
    values: dict[str, Any] = {"severity": "critical", "began_at": at, "fired_at": at, "value": 0.5, "summary": "Bad."}
    return open_alert(rule=rule or make_rule(tenant, name=f"Errors {at.timestamp()}"), **{**values, **fields})


def look(now: datetime | None = None) -> int:
    """As the check does, after the rules; how many actions were taken."""
    return act(now=now or timezone.now())


def runs_of(tenant: Tenant | None) -> list[ActionRun]:
    """The newest first."""
    with across_tenants("a test looks"):
        return list(ActionRun.objects.filter(tenant=tenant).select_related("incident", "alert"))
