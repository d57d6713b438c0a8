"""Live evaluations → what gateways decide by."""

from __future__ import annotations

import uuid

from contracts.live_samples import LiveSpec
from evaluation.models import LiveEvaluation, LiveEvaluator


def live_specs(tenant_id: uuid.UUID) -> tuple[LiveSpec, ...]:
    """Those of the tenant that are switched on; one query."""
    rows = LiveEvaluation.objects.for_tenant(tenant_id).filter(enabled=True).order_by("pk")
    return tuple(
        LiveSpec(
            id=str(row.pk),
            routes=frozenset(row.routes),
            models=frozenset(row.model_names),
            modes=frozenset(row.modes),
            tags=tuple(sorted(row.tags.items())),
            rate=row.rate,
            min_per_hour=row.min_per_hour,
            max_per_hour=row.max_per_hour,
            prompts_per_minute=row.prompts_per_minute,
        )
        for row in rows
    )


def score_names(tenant_id: uuid.UUID) -> list[str]:
    """Names of the evaluators that the tenant's live evaluations ask."""
    rows = LiveEvaluator.objects.for_tenant(tenant_id)
    return list(rows.order_by("evaluator__name").values_list("evaluator__name", flat=True).distinct())
