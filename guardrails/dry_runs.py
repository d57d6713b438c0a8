"""A draft tried on calls that were made already, in the background: how many it would have blocked or changed."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contracts.guardrails import Action, PolicySpec, Stage
from contracts.tenant_scope import across_tenants
from guardrails.engine import whole_calls
from guardrails.engine.asking import asking
from guardrails.engine.policy import Verdict, strongest
from guardrails.engine.policy_set import PolicySet, applicable
from guardrails.model_callers import caller_of
from guardrails.models import DryRun, Policy
from guardrails.stored_texts import StoredCall, stored_calls
from guardrails.trial import judged, without_costs
from guardrails.validators import rules_of
from tenants.actor import acting_as, current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.models import Tenant
from tenants.progress import TOLD_EVERY_S, moved

logger = logging.getLogger(__name__)

MOST_CALLS: Final = 5_000
MOST_EXAMPLES: Final = 25


@transaction.atomic
def request_dry_run(*, policy: Policy, calls: int, ask_models: bool = False) -> DryRun:
    """Have the draft tried on the tenant's newest calls by a task that begins at once; audited.

    Rules that ask models are left out unless ``ask_models``: they cost money, in the tenant's name.

    Raises:
        ValidationError: the policy is the platform's, has no rules, or the tenant stores no payloads.
    """
    row = plan_dry_run(policy=policy, calls=calls, ask_models=ask_models)
    transaction.on_commit(lambda: _begin(str(row.pk)))
    return row


@transaction.atomic
def plan_dry_run(*, policy: Policy, calls: int, ask_models: bool = False) -> DryRun:
    """The same, without the task: it waits for :func:`work_off`.

    Raises:
        ValidationError: as :func:`request_dry_run` says.
    """
    if policy.tenant is None:
        raise ValidationError("A policy for all tenants has no calls of its own; duplicate it into a tenant to try it.")
    if policy.tenant.payload_storage == Tenant.PayloadStorage.NONE:
        raise ValidationError("The tenant stores no prompts and answers, so there is nothing to look at.")
    if not policy.rules:
        raise ValidationError("The draft has no rules yet.")
    row = DryRun.objects.create(
        policy=policy,
        tenant=policy.tenant,
        rules=policy.rules,
        requested_by=current_actor().name,
        wanted=max(1, min(calls, MOST_CALLS)),
        ask_models=ask_models,
    )
    note(
        AuditEntry.Action.CREATED,
        object_type=row.work_type,
        object_id=str(row.pk),
        object_name=policy.name,
        tenant_id=policy.tenant_id,
        details={"calls": row.wanted, "ask_models": row.ask_models},
    )
    return row


@across_tenants("a task knows the request by its id alone")
def work_off(dry_run_id: uuid.UUID) -> None:
    """Look at the calls, and keep the row telling how far it is."""
    row = DryRun.objects.select_related("policy", "tenant").filter(pk=dry_run_id, ended_at=None).first()
    if row is None:
        return
    try:
        with acting_as(row.requested_by):
            _work_off(row)
    except Exception as error:  # boundary: whatever it was, whoever waits for it must see that it failed
        logger.exception("dry run %s failed", row.pk)
        reason = f"It stopped with {type(error).__name__}: the log of the worker says more."
        moved(row, state=DryRun.State.FAILED, error=reason, ended_at=timezone.now())


def _work_off(row: DryRun) -> None:
    policy = PolicySpec(
        id=str(row.policy_id),
        name=row.policy.name,
        version=0,
        rules=rules_of(row.rules),
        routes=frozenset(row.policy.routes),
        keys=frozenset(str(key) for key in row.policy.keys),
    )
    moved(row, state=DryRun.State.RUNNING)
    count = _Count(row, policy)
    with asking(caller_of(row.tenant_id) if row.ask_models else None):
        for call in stored_calls(str(row.tenant_id), row.wanted):
            count.look_at(call)
    moved(row, **count.fields(), state=DryRun.State.DONE, ended_at=timezone.now())


class _Count:
    """What the calls so far came to; written down at most twice a second."""

    def __init__(self, row: DryRun, policy: PolicySpec) -> None:
        self._row, self._policy = row, policy
        self._rules = PolicySet([policy if row.ask_models else without_costs(policy)])
        self._looked_at = self._without_text = 0
        self._counts: Counter[str] = Counter()
        self._by_rule: Counter[str] = Counter()
        self._examples: list[dict[str, Any]] = []
        self._told_at = 0.0

    def look_at(self, call: StoredCall) -> None:
        """One more; calls to which the policy does not apply are passed over."""
        run = call.run
        if not applicable([self._policy], route=run.route or "", key_id=run.key_id or ""):
            return
        if not call.texts:
            self._without_text += 1
        else:
            self._looked_at += 1
            self._judge(call)
        if time.monotonic() - self._told_at >= TOLD_EVERY_S:
            self._told_at = time.monotonic()
            moved(self._row, **self.fields())

    def fields(self) -> dict[str, Any]:
        """Of the row."""
        return {
            "looked_at": self._looked_at,
            "without_text": self._without_text,
            "counts": dict(self._counts),
            "by_rule": dict(self._by_rule),
            "examples": self._examples,
        }

    def _judge(self, call: StoredCall) -> None:
        verdicts = [judged(self._rules, stage, texts) for stage, texts in call.texts.items()]
        if self._rules.invariants and Stage.OUTPUT in call.texts:
            verdicts.append(whole_calls.judged(self._rules.invariants, call.facts))
        rules = sorted({match.rule.spec.id for verdict in verdicts for match in verdict.matches})
        self._by_rule.update(rules)
        action = strongest(verdict.action for verdict in verdicts)
        if action is not None:
            self._counts[action.value] += 1
        if rules and len(self._examples) < MOST_EXAMPLES:
            self._examples.append(
                {
                    "run": call.run.correlation_id,
                    "at": call.run.started_at.isoformat(),
                    "action": (action or Action.ALLOW).value,
                    "rules": rules,
                    "entities": sorted({entity for verdict in verdicts for entity in _entities(verdict)}),
                }
            )


def _entities(verdict: Verdict) -> set[str]:
    return {finding.entity for match in verdict.matches for _, finding in match.findings}


def _begin(dry_run_id: str) -> None:
    from guardrails.tasks import dry_run

    dry_run.delay(dry_run_id)
