"""What the results of a run come to: means of each variant, and how the others compare with the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Avg, Count, Q, Sum

from evaluation.models import EvalRun, ItemResult, Score, Variant

MEASURES: Final = ("answered", "latency_ms", "cost_nanousd", "output_tokens")
"""Always there, besides the evaluators."""
HIGHER_IS_BETTER: Final = {"answered": True, "latency_ms": False, "cost_nanousd": False, "output_tokens": False}
SEED: Final = 20_260_000
RESAMPLES: Final = 4_000
EFFECT: Final = 0.02
"""The difference of a score for which the needed number of items is told."""

Values = dict[Any, float | None]
"""By item."""


def summary_of(run: EvalRun) -> dict[str, Any]:
    """The run's means and comparisons as they are kept in its row."""
    variants = list(Variant.objects.for_tenant(run.tenant_id).filter(run=run))
    measures = [*(one["name"] for one in run.evaluators), *MEASURES]
    columns = {(one.position, name): values_of(one, name) for one in variants for name in measures}
    return {
        "variants": [_means(one, measures, columns) for one in variants],
        "comparisons": [
            {
                "variant": other.position,
                "measure": name,
                **compared(columns[0, name], columns[other.position, name], name),
            }
            for other in variants[1:]
            for name in measures
        ],
    }


def values_of(variant: Variant, measure: str) -> Values:
    """The variant's scores by one evaluator, or one of :data:`MEASURES`, by item of its run."""
    results = ItemResult.objects.for_tenant(variant.tenant_id).filter(variant=variant)
    if measure not in MEASURES:
        scores = Score.objects.for_tenant(variant.tenant_id).filter(result__variant=variant, evaluator=measure)
        return dict(scores.values_list("result__run_item__item__key", "value"))
    if measure == "answered":
        return {key: 0.0 if error else 1.0 for key, error in results.values_list("run_item__item__key", "error")}
    return dict(results.filter(error="").values_list("run_item__item__key", measure))


def compared(before: Mapping[Any, float | None], after: Mapping[Any, float | None], measure: str) -> dict[str, Any]:
    """After minus before over the items that both have, with a 95 % interval."""
    from evaluation.engine.statistics import paired_bootstrap, sample_size

    keys = sorted((key for key in before if key in after), key=str)
    a, b = [before[key] for key in keys], [after[key] for key in keys]
    found = paired_bootstrap(a, b, confidence=0.95, resamples=RESAMPLES, seed=SEED)
    effect = EFFECT if measure not in MEASURES or measure == "answered" else abs(found.estimate)
    needed = sample_size(effect, found.sd) if found.sd > 0 and effect > 0 and math.isfinite(effect) else None
    return {
        "estimate": _finite(found.estimate),
        "low": _finite(found.low),
        "high": _finite(found.high),
        "n": found.n,
        "p": _finite(found.p),
        "needed": needed,
    }


def _means(variant: Variant, measures: list[str], columns: Mapping[tuple[int, str], Values]) -> dict[str, Any]:
    found: dict[str, Any] = {"position": variant.position, "name": variant.name, "measures": {}}
    for name in measures:
        values = [value for value in columns[variant.position, name].values() if value is not None]
        mean = sum(values) / len(values) if values else None
        found["measures"][name] = {"mean": mean, "n": len(values)}
    costs = ItemResult.objects.for_tenant(variant.tenant_id).filter(variant=variant)
    found |= costs.aggregate(cost_nanousd=Sum("cost_nanousd"), input_tokens=Sum("input_tokens"))
    return found


def live_figures(run: EvalRun) -> list[dict[str, Any]]:
    """Of each variant while the run is under way: answers, failures, mean latency, cost."""
    rows = (
        ItemResult.objects.for_tenant(run.tenant_id)
        .filter(run=run)
        .values("variant__position", "variant__name")
        .annotate(
            answers=Count("pk"),
            failed=Count("pk", filter=~Q(error="")),
            latency=Avg("latency_ms"),
            cost=Sum("cost_nanousd"),
        )
        .order_by("variant__position")
    )
    return list(rows)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
