"""What actions can do: each kind says what it would do, why it cannot now, does it, and puts it back.

All work within the transaction of the caller, by the services that people's changes go through.
"""

from __future__ import annotations

from typing import Final, Protocol

from alerting.actions.changed import Changed
from alerting.actions.circuits_kind import OpenBreaker
from alerting.actions.policies_kind import RollBackPolicy
from alerting.actions.routes_kind import RollBackRoute
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.targets_kind import DegradeRoute, DrainTarget
from alerting.incident_rows import Alert
from tenants.roles import TenantPermission


class ActionKind(Protocol):
    """One kind."""

    def words(self, action: AlertAction) -> str:
        """What it does, as an order."""

    def refusal(self, action: AlertAction, alert: Alert) -> str:
        """Why it cannot be done now; empty where it can. What it decides by is locked."""

    def do(self, action: AlertAction, alert: Alert) -> Changed:
        """Do it."""

    def undo(self, run: ActionRun) -> str:
        """Put it back; where somebody changed it since, nothing is done, and said why."""


KINDS: Final[dict[str, ActionKind]] = {
    AlertAction.Kind.DRAIN.value: DrainTarget(),
    AlertAction.Kind.BREAKER.value: OpenBreaker(),
    AlertAction.Kind.DEGRADE.value: DegradeRoute(),
    AlertAction.Kind.POLICY.value: RollBackPolicy(),
    AlertAction.Kind.ROUTE.value: RollBackRoute(),
}
"""Hooks are not among them: what they do happens elsewhere (:mod:`alerting.actions.hooks`)."""

PERMISSIONS: Final = {
    AlertAction.Kind.DRAIN.value: TenantPermission.MANAGE_ROUTES,
    AlertAction.Kind.BREAKER.value: TenantPermission.MANAGE_ROUTES,
    AlertAction.Kind.DEGRADE.value: TenantPermission.MANAGE_ROUTES,
    AlertAction.Kind.POLICY.value: TenantPermission.MANAGE_GUARDRAILS,
    AlertAction.Kind.ROUTE.value: TenantPermission.MANAGE_ROUTES,
    AlertAction.Kind.HOOK.value: TenantPermission.MANAGE_ALERTS,
}
"""What whoever sets an action up, or undoes one, must be allowed to do as well."""
