"""What pages say and show of rules and incidents."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from alerting.owned import Severity
from alerting.rules import AlertRule
from console import formats
from tenants.models import ApiKey
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

UNITS: Final = {"percent": "%", "ms": "ms", "money": "dollars", "tokens": "tokens", "number": ""}
NANO: Final = 1_000_000_000


class AlertingPage(WorkspacePage):
    """For who sees figures; changes are for who may change alerts."""

    permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS


class ChangePage(AlertingPage):
    """A form, which is of use to those alone who may send it."""

    permission = TenantPermission.MANAGE_ALERTS


def one_of(workspace: Workspace, rows: QuerySet[Any], pk: Any) -> Any:
    """The row of the address.

    Raises:
        Http404: the workspace has none of this id.
    """
    return get_object_or_404(workspace.scope(rows), pk=pk)


def condition(rule: AlertRule) -> str:
    """When it fires, in a few words."""
    if rule.kind == AlertRule.Kind.ABSENCE:
        return f"No call for {rule.window_minutes} min"
    if rule.kind == AlertRule.Kind.BURN_RATE:
        return f"Budget of “{rule.slo.name}” burns too fast" if rule.slo else "–"
    signal = rule.looks_at
    if rule.kind == AlertRule.Kind.ANOMALY and signal is not None:
        side = {"above": "above", "below": "below"}.get(rule.operator, "above or below")
        return f"{rule.figure} {side} what is usual"
    if signal is None or rule.threshold is None:
        return formats.NOTHING
    limit = formats.FORMATS[signal.unit](rule.threshold)
    return f"{rule.figure} {rule.operator} {limit} for {rule.for_minutes} min"


def applies_to(rule: Any, names: dict[str, str] | None = None) -> str:
    """Which calls, with a key's name where it is known."""
    calls = rule.calls
    if calls.kind == "all":
        return "All calls"
    part = (names or {}).get(calls.part, calls.part)
    return f"{ {'route': 'Route', 'model': 'Model', 'key': 'Key'}[calls.kind] } {part}"


def key_names(rows: list[Any], tenant_id: Any) -> dict[str, str]:
    """Names of the keys that the rows look at."""
    ids = [row.calls.part for row in rows if row.calls.kind == "key"]
    if not ids or tenant_id is None:
        return {}
    keys = ApiKey.objects.filter(tenant=tenant_id, pk__in=ids).values_list("pk", "name")
    return {str(pk): name for pk, name in keys}


def to_unit(value: float | None, unit: str) -> float | None:
    """As people write it: percent, dollars."""
    if value is None:
        return None
    return round(value * 100, 6) if unit == "percent" else round(value / NANO, 9) if unit == "money" else value


def from_unit(value: float | None, unit: str) -> float | None:
    """As it is kept: shares of 1, nano-dollars."""
    if value is None:
        return None
    return value / 100 if unit == "percent" else value * NANO if unit == "money" else value


def tone(severity: str) -> str:
    """Of badges and lines."""
    return {Severity.CRITICAL.value: "bad", Severity.WARNING.value: "warn"}.get(severity, "info")
