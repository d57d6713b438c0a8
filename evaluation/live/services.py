"""What changes live evaluations: each function is one transaction with one audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from evaluation.live.kinds import is_live
from evaluation.models import Evaluator, LiveEvaluation, LiveEvaluator
from tenants.audit import AuditEntry
from tenants.changes import delete_row, record_change, snapshot, with_fields
from tenants.models import Tenant

MOST: Final = 20
"""Live evaluations of a tenant: each is looked at with every call."""
MOST_EVALUATORS: Final = 20


@transaction.atomic
def create_live_evaluation(*, tenant: Tenant, evaluators: Sequence[Evaluator], **fields: Any) -> LiveEvaluation:
    """Have calls scored from now on, by these evaluators.

    Raises:
        ValidationError: a field or an evaluator is not valid, the name is taken, or there are too many.
    """
    if LiveEvaluation.objects.for_tenant(tenant).count() >= MOST:
        raise ValidationError(f"A tenant has at most {MOST} live evaluations.")
    row: LiveEvaluation = with_fields(LiveEvaluation(tenant=tenant), fields)
    _check(row, evaluators)
    row.save(force_insert=True)
    _put(row, evaluators)
    record_change(row, AuditEntry.Action.CREATED, before={}, after=_snapshot(row, evaluators))
    return row


@transaction.atomic
def update_live_evaluation(
    *, evaluation: LiveEvaluation, evaluators: Sequence[Evaluator] | None = None, **fields: Any
) -> LiveEvaluation:
    """Change these fields; what was scored stays.

    Raises:
        ValidationError: a field or an evaluator is not valid, or the name is taken.
    """
    stored = LiveEvaluation.objects.for_tenant(evaluation.tenant_id).select_for_update().get(pk=evaluation.pk)
    known = evaluators_of(stored)
    before = _snapshot(stored, known)
    row: LiveEvaluation = with_fields(evaluation, fields)
    wanted = known if evaluators is None else list(evaluators)
    _check(row, wanted)
    after = _snapshot(row, wanted)
    if after == before:
        return row
    row.save()
    if evaluators is not None:
        LiveEvaluator.objects.for_tenant(row.tenant_id).filter(evaluation=row).delete()
        _put(row, wanted)
    changed = [name for name in after if after[name] != before[name]]
    record_change(
        row,
        AuditEntry.Action.UPDATED,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return row


def delete_live_evaluation(*, evaluation: LiveEvaluation) -> None:
    """Delete it with its scores; samples stay as long as the tenant's events do."""
    delete_row(evaluation)


def evaluators_of(evaluation: LiveEvaluation) -> list[Evaluator]:
    """Those that it asks, by name."""
    rows = Evaluator.objects.for_tenant(evaluation.tenant_id)
    return list(rows.filter(asked_live__evaluation=evaluation).order_by("name"))


def _put(row: LiveEvaluation, evaluators: Sequence[Evaluator]) -> None:
    LiveEvaluator.objects.bulk_create(
        LiveEvaluator(tenant_id=row.tenant_id, evaluation=row, evaluator=one) for one in evaluators
    )


def _check(row: LiveEvaluation, evaluators: Sequence[Evaluator]) -> None:
    row.full_clean()
    if not evaluators:
        raise ValidationError({"evaluators": "Choose at least one evaluator."})
    if len(evaluators) > MOST_EVALUATORS:
        raise ValidationError({"evaluators": f"Choose at most {MOST_EVALUATORS} evaluators."})
    if any(one.tenant_id != row.tenant_id for one in evaluators):
        raise ValidationError({"evaluators": "There is no such evaluator here."})
    useless = [one.name for one in evaluators if not is_live(one.kind)]
    if useless:
        raise ValidationError({"evaluators": f"Live calls have no expected answer, as {useless[0]} needs."})
    if row.min_per_hour > row.max_per_hour:
        raise ValidationError({"min_per_hour": "The least an hour cannot be above the most."})
    if not isinstance(row.tags, dict) or not all(isinstance(one, str) for pair in row.tags.items() for one in pair):
        raise ValidationError({"tags": "Tags are pairs of texts."})


def _snapshot(row: LiveEvaluation, evaluators: Sequence[Evaluator]) -> dict[str, Any]:
    return {**snapshot(row), "evaluators": sorted(one.name for one in evaluators)}
