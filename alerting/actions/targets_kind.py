"""Actions on the targets of a route: one is drained, or all but some are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alerting.actions.changed import CHANGED_SINCE, GONE, Changed, last_entry, newer
from alerting.actions.rows import ActionRun, AlertAction
from alerting.incident_rows import Alert
from routing.admin_health import OPEN, UNKNOWN, breaker_states
from routing.models import Route, Target
from routing.services import set_enabled

TARGET, ROUTE = "target", "route"


def locked_targets(tenant_id: Any, route_id: Any) -> list[Target]:
    """All of the route's, which nobody else changes until the end of the transaction; none where it is gone."""
    route = Route.objects.select_for_update().filter(tenant=tenant_id, pk=route_id).first()
    if route is None:
        return []
    return list(Target.objects.filter(route=route, route__tenant=tenant_id).select_related("model__provider", "route"))


def none_left(serving: Iterable[Target]) -> str:
    """Why these cannot be all that serve a route; empty where one of them is healthy.

    Healthy is one that is on, with its model and provider, and whose circuit is not open. Where nobody knows of any
    circuit, nothing is done.
    """
    usable = [row for row in serving if row.model.enabled and row.model.provider.enabled]
    if not usable:
        return "No other target would be left that is on."
    states = breaker_states().read(str(row.pk) for row in usable)
    if all(state == UNKNOWN for state in states.values()):
        return "Nobody knows whether another target is healthy: Redis does not answer."
    if all(state == OPEN for state in states.values()):
        return "The circuits of all other targets are open."
    return ""


class _Switching:
    """Switches targets, and remembers which were on."""

    def wanted(self, action: AlertAction, rows: list[Target]) -> dict[str, bool]:
        """Of each target whether it is to be on."""
        raise NotImplementedError

    def refusal(self, action: AlertAction, _alert: Alert) -> str:
        """Where nothing would change, or nothing healthy would be left."""
        rows = locked_targets(action.tenant_id, action.route_id)
        if not rows or not action.route or not action.route.enabled:
            return "The route is off, or has no targets."
        wanted = self.wanted(action, rows)
        if all(wanted[str(row.pk)] == row.enabled for row in rows):
            return "It is so already."
        return none_left([row for row in rows if wanted[str(row.pk)]])

    def do(self, action: AlertAction, _alert: Alert) -> Changed:
        """Through the service that people's changes go through, too."""
        rows = locked_targets(action.tenant_id, action.route_id)
        wanted = self.wanted(action, rows)
        changed = [row for row in rows if row.enabled != wanted[str(row.pk)]]
        before = {str(row.pk): row.enabled for row in changed}
        for on in (True, False):
            set_enabled(rows=[row for row in changed if wanted[str(row.pk)] is on], enabled=on)
        after = {key: not was for key, was in before.items()}
        route = str(action.route_id)
        audit_id = last_entry(action.tenant_id, _objects(route, before))
        return Changed({"route": route, "targets": before}, {"route": route, "targets": after}, audit_id)

    def undo(self, run: ActionRun) -> str:
        """Switches back, unless somebody switched one of them since."""
        route, before = str(run.before["route"]), dict(run.before["targets"])
        rows = {str(row.pk): row for row in locked_targets(run.tenant_id, route)}
        if not set(before) <= set(rows):
            return GONE
        moved = any(rows[key].enabled != on for key, on in run.after["targets"].items())
        if moved or any(_touches(entry, set(before)) for entry in newer(run, _objects(route, before))):
            return CHANGED_SINCE
        for on in (True, False):
            set_enabled(rows=[rows[key] for key, was in before.items() if was is on], enabled=on)
        return ""


class DrainTarget(_Switching):
    """One target gets no more calls."""

    def words(self, action: AlertAction) -> str:
        """What it does."""
        return f"Drain {action.target}" if action.target else "Drain a target"

    def wanted(self, action: AlertAction, rows: list[Target]) -> dict[str, bool]:
        """All as they are, but this one."""
        return {str(row.pk): row.enabled and row.pk != action.target_id for row in rows}


class DegradeRoute(_Switching):
    """Some targets serve the route, and no others: mostly cheap ones that are off in better times."""

    def words(self, action: AlertAction) -> str:
        """What it does."""
        if action.route is None:
            return "Switch a route to degraded mode"
        kept = Target.objects.filter(route=action.route_id, route__tenant=action.tenant_id, pk__in=action.keep)
        names = ", ".join(str(row.model) for row in kept.select_related("model__provider"))
        return f"Serve {action.route.name} by {names or 'nothing'} alone"

    def wanted(self, action: AlertAction, rows: list[Target]) -> dict[str, bool]:
        """Those that are kept, and no others."""
        return {str(row.pk): row.pk in action.keep for row in rows}


def _objects(route: str, targets: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(ROUTE, route), *((TARGET, key) for key in targets)]


def _touches(entry: Any, targets: set[str]) -> bool:
    """Whether the entry says that one of these was switched: by itself, or together with its route."""
    if entry.object_type == TARGET:
        return "enabled" in entry.after
    return _switched(entry.before, targets) != _switched(entry.after, targets)


def _switched(values: Mapping[str, Any], targets: set[str]) -> dict[str, bool]:
    return {one["id"]: one["enabled"] for one in values.get("targets", ()) if one["id"] in targets}
