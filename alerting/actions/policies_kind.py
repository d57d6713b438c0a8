"""The action that puts the version before in force of a guardrail policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from alerting.actions.changed import CHANGED_SINCE, GONE, Changed, last_entry, newer
from alerting.actions.rows import ActionRun, AlertAction
from alerting.incident_rows import Alert
from guardrails.models import Policy, PolicyVersion
from guardrails.services import live_version_of, roll_back

RECENT: Final = timedelta(days=1)
"""A version that is longer in force is not what changed."""


class RollBackPolicy:
    """A person publishes again when the rules are mended: the draft stays as it is."""

    def words(self, action: AlertAction) -> str:
        """What it does."""
        return f"Put the version before in force of policy {action.policy}"

    def refusal(self, action: AlertAction, _alert: Alert) -> str:
        """Where there is no version to go back to, or the one in force is not new."""
        policy = _locked(action.tenant_id, action.policy_id)
        live = live_version_of(policy) if policy is not None and policy.is_on else None
        if policy is None or live is None:
            return "The policy is off."
        if not PolicyVersion.objects.filter(tenant=action.tenant_id, policy=policy, number__lt=live.number).exists():
            return "There is no version before the one in force."
        if timezone.now() - live.created_at > RECENT:
            return f"Version {live.number} is older than a day: it is not what changed."
        return ""

    def do(self, action: AlertAction, _alert: Alert) -> Changed:
        """Through the service of the one-click rollback."""
        policy = _locked(action.tenant_id, action.policy_id)
        assert policy is not None
        before = policy.live_version
        version = roll_back(policy=policy)
        key = str(policy.pk)
        audit_id = last_entry(action.tenant_id, [("policy", key)])
        return Changed({"policy": key, "version": before}, {"policy": key, "version": version.number}, audit_id)

    def undo(self, run: ActionRun) -> str:
        """The later version again, unless somebody chose one since."""
        key = str(run.before["policy"])
        policy = _locked(run.tenant_id, key)
        if policy is None:
            return GONE
        chosen = any("live_version" in entry.after for entry in newer(run, [("policy", key)]))
        if chosen or policy.live_version != run.after["version"]:
            return CHANGED_SINCE
        roll_back(policy=policy, number=run.before["version"])
        return ""


def _locked(tenant_id: Any, key: Any) -> Policy | None:
    return Policy.objects.select_for_update().filter(tenant=tenant_id, pk=key).first()
