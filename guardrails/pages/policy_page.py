"""One policy: its rules, a place to try them, its versions, and what it did."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.views.generic import TemplateView

from events.ledger.reading import one_snapshot
from guardrails.dry_run_costs import judging_estimates
from guardrails.engine.kinds import KINDS
from guardrails.models import DryRun, FalsePositive, Policy, PolicyVersion
from guardrails.pages.case_words import shown_cases
from guardrails.pages.dry_runs import CHOICES
from guardrails.pages.hits import HITS_PART, Hits
from guardrails.pages.policies import may_change, policy_in
from guardrails.pages.try_out import TryForm
from guardrails.pages.words import MODES, Difference, differences, shown_rule
from guardrails.services import live_version_of
from tenants.models import ApiKey
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

TABS = (
    ("rules", "Rules"),
    ("try", "Try it"),
    ("cases", "Cases"),
    ("dry-runs", "Dry runs"),
    ("versions", "Versions"),
    ("hits", "Hits"),
)
MOST_VERSIONS = 50
MOST_DRY_RUNS = 10
MOST_MARKS = 25


class PolicyPage(WorkspacePage, TemplateView):
    """The page of a policy; ``tab`` says which part."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/guardrails/policy.html"

    def get_template_names(self) -> list[str]:
        """The hits alone where htmx swaps them."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        return [HITS_PART if htmx and htmx.target == "policy-hits" else self.template_name]

    @cached_property
    def policy(self) -> Policy:
        """The policy of the address."""
        return policy_in(self.workspace, self.kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What all tabs show, and what the current one does."""
        policy = self.policy
        tab = self.request.GET.get("tab", "")
        tab = tab if tab in dict(TABS) else "rules"
        live = live_version_of(policy)
        pending = differences(live.rules if live else [], policy.rules)
        part = {
            "rules": self._rules,
            "try": self._try,
            "cases": self._cases,
            "dry-runs": self._dry_runs,
            "versions": self._versions,
            "hits": self._hits,
        }[tab]()
        return super().get_context_data(
            policy=policy,
            mode=MODES[policy.mode],
            live=live,
            pending=pending,
            editable=may_change(self.workspace, policy),
            keys=self._keys(),
            earlier=self._earlier(live),
            tabs=TABS,
            tab=tab,
            **part,
            **kwargs,
        )

    def _keys(self) -> list[ApiKey]:
        if not self.policy.keys or self.policy.tenant_id is None:
            return []
        return list(ApiKey.objects.filter(tenant_id=self.policy.tenant_id, pk__in=self.policy.keys).order_by("name"))

    def _earlier(self, live: PolicyVersion | None) -> PolicyVersion | None:
        """What a roll-back leads to."""
        if live is None or live.number == 1:
            return None
        found: PolicyVersion | None = (
            self.policy.versions.filter(tenant=self.policy.tenant_id, number__lt=live.number)
            .order_by("-number")
            .first()
        )
        return found

    def _rules(self) -> dict[str, Any]:
        return {"rules": [shown_rule(rule) for rule in self.policy.rules]}

    def _try(self) -> dict[str, Any]:
        return {"form": TryForm(), "asks_models": self._asks_models()}

    def _asks_models(self) -> bool:
        """Whether a rule of the draft asks a model."""
        return any(plain["kind"] in KINDS and KINDS[plain["kind"]].costs for plain in self.policy.rules)

    def _cases(self) -> dict[str, Any]:
        return shown_cases(self.workspace, self.policy, run="run" in self.request.GET)

    def _dry_runs(self) -> dict[str, Any]:
        rows = DryRun.objects.filter(policy=self.policy, tenant=self.policy.tenant_id)
        return {
            "dry_runs": rows[:MOST_DRY_RUNS],
            "may_read": self.workspace.may(TenantPermission.VIEW_PAYLOADS),
            "stores": self.policy.tenant is not None and self.policy.tenant.payload_storage != "none",
            "estimates": judging_estimates(self.policy, CHOICES) if self._asks_models() else None,
        }

    def _versions(self) -> dict[str, Any]:
        rows = list(self.policy.versions.filter(tenant=self.policy.tenant_id)[: MOST_VERSIONS + 1])
        shown: list[tuple[PolicyVersion, list[Difference]]] = []
        for version, before in zip(rows, [*rows[1:], None], strict=False):
            shown.append((version, differences(before.rules if before else [], version.rules)))
        return {"versions": shown[:MOST_VERSIONS]}

    def _hits(self) -> dict[str, Any]:
        marks = FalsePositive.objects.filter(policy=self.policy, tenant=self.policy.tenant_id)[:MOST_MARKS]
        names = {rule["id"]: rule["name"] for rule in self.policy.rules}
        with one_snapshot():
            shown = Hits(self.workspace, self.request, self.policy).shown()
        reads = self.workspace.may(TenantPermission.VIEW_PAYLOADS)
        return {**shown, "marks": [(mark, names.get(mark.rule_id, mark.rule_id)) for mark in marks], "reads": reads}
