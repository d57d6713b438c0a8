"""What people change about actions. Each is one transaction with one audit entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError

from alerting.actions.kinds import PERMISSIONS
from alerting.actions.rows import ActionRun, AlertAction
from routing.models import Target
from tenants.actor import current_actor
from tenants.changes import delete_row, save_row, with_fields
from tenants.roles import LABELS, TenantPermission

May = Callable[[TenantPermission], bool]
Kind = AlertAction.Kind
_NEEDED = {
    Kind.DRAIN: ("target",),
    Kind.BREAKER: ("target",),
    Kind.DEGRADE: ("keep",),
    Kind.POLICY: ("policy",),
    Kind.ROUTE: ("route",),
    Kind.HOOK: ("channel",),
}
_OBJECTS = ("target", "keep", "policy", "channel")


def save_action(*, action: AlertAction, may: May, **fields: Any) -> AlertAction:
    """A new one, or one that is changed, by somebody who may change the thing that it acts upon as well.

    Raises:
        ValidationError: a field is not valid, the thing belongs to somebody else, or the person may not change it.
    """
    row = with_fields(action, fields)
    if row.kind not in PERMISSIONS:
        raise ValidationError({"kind": "There is no such kind of action."})
    require(may, row.kind, "kind")
    for name in set(_OBJECTS) - set(_NEEDED[Kind(row.kind)]):
        setattr(row, name, [] if name == "keep" else None)
    row.route = _route_of(row)
    row.configured_by = current_actor().name
    return save_row(row)


def delete_action(*, action: AlertAction) -> None:
    """Delete it; what it did stays in the incidents, and can still be undone."""
    delete_row(action)


def require(may: May, kind: str, field: str | None = None) -> None:
    """Nothing, where somebody may change what actions of this kind act upon.

    Raises:
        ValidationError: they may not.
    """
    needed = PERMISSIONS[kind]
    if not may(needed):
        said = f"For that you have to be allowed to {LABELS[needed]}."
        raise ValidationError({field: said} if field else said)


def may_undo(run: ActionRun, may: May) -> bool:
    """Whether somebody may put back what it changed."""
    return run.can_be_undone and may(TenantPermission.MANAGE_ALERTS) and may(PERMISSIONS[run.kind])


def _route_of(row: AlertAction) -> Any:
    """The route of the target, or of the targets that are kept, which have to be of one."""
    if row.kind in (Kind.DRAIN, Kind.BREAKER):
        return row.target.route if row.target else None
    if row.kind == Kind.ROUTE:
        return row.route
    if row.kind != Kind.DEGRADE:
        return None
    kept = list(Target.objects.filter(route__tenant=row.tenant_id, pk__in=row.keep).select_related("route"))
    if len(kept) != len(set(row.keep)) or not kept:
        raise ValidationError({"keep": "Choose targets of yours."})
    if len({target.route_id for target in kept}) > 1:
        raise ValidationError({"keep": "Choose targets of one route."})
    return kept[0].route
