"""Dry runs: the draft on calls that were made already."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.charts import Bar
from console.forms.views import go_to
from guardrails.dry_runs import request_dry_run
from guardrails.models import DryRun
from guardrails.pages.policies import policy_in
from guardrails.pages.policy_changes import OfPolicy
from guardrails.pages.words import ACTIONS
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

CHOICES = (100, 500, 2_000)
TONES = {"waiting": "neutral", "running": "info", "done": "good", "failed": "bad"}


class DryRunStart(OfPolicy, View):
    """Begins one; reading what callers wrote takes its own permission."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``calls`` says on how many."""
        self.workspace.require(TenantPermission.VIEW_PAYLOADS)
        calls = request.POST.get("calls", "")
        try:
            row = request_dry_run(
                policy=self.policy,
                calls=int(calls) if calls in map(str, CHOICES) else CHOICES[0],
                ask_models="ask_models" in request.POST,
            )
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, f"{self.cancel_url()}?tab=dry-runs")
        return go_to(request, self.workspace.url("policy-dry-run", pk=row.policy_id, run=row.pk))


class DryRunPage(WorkspacePage, TemplateView):
    """How far a dry run is, live, and what it found."""

    permission = TenantPermission.VIEW_RUNS

    def get_template_names(self) -> list[str]:
        """What changes alone where htmx asks for it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        part = htmx and htmx.target == "dry-run-progress"
        return [f"console/guardrails/{'_' if part else ''}dry_run.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Counts by action and rule, and the first calls with links."""
        policy = policy_in(self.workspace, kwargs["pk"])
        rows = self.workspace.scope(DryRun.objects.filter(policy=policy, tenant=policy.tenant_id))
        row: DryRun = get_object_or_404(rows, pk=kwargs["run"])
        names = {rule["id"]: rule["name"] for rule in row.rules}
        done = row.looked_at + row.without_text
        counts = [(ACTIONS[action], row.counts[action]) for action in reversed(ACTIONS) if row.counts.get(action)]
        return super().get_context_data(
            policy=policy,
            dry_run=row,
            tone=TONES[row.state],
            done=done,
            counts=counts,
            quiet=row.looked_at - sum(row.counts.values()),
            by_rule=[Bar(str(names.get(key, key)), n) for key, n in Counter(row.by_rule).most_common()],
            examples=[
                {
                    **one,
                    "at": datetime.fromisoformat(one["at"]),
                    "words": ACTIONS[one["action"]],
                    "names": [names.get(key, key) for key in one["rules"]],
                    "url": self.workspace.url("run", run=one["run"]),
                }
                for one in row.examples
            ],
            **kwargs,
        )
