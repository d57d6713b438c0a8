"""Golden sets, evaluators and runs for tests, made the way the product makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from evaluation.engine.golden_files import Item
from evaluation.golden_sets import create_golden_set, newest_version, put_items
from evaluation.models import EvalRun, Evaluator, GoldenSet, ItemResult, RunItem, Score, Variant
from evaluation.runs import VariantChoice, start_run
from evaluation.summaries import summary_of
from tenants.changes import save_row
from tenants.models import Tenant


def make_set(tenant: Tenant, *inputs: str, name: str = "Support", **fields: Any) -> GoldenSet:
    golden_set = create_golden_set(tenant=tenant, name=name)
    items = [Item(input=one, expected=f"About {one}", **fields) for one in inputs or ("Hello", "How are you?")]
    put_items(golden_set=golden_set, items=items, source="api")
    return golden_set


def make_evaluator(tenant: Tenant, kind: str = "contains", name: str = "", **options: Any) -> Evaluator:
    return save_row(Evaluator(tenant=tenant, name=name or kind, kind=kind, options=options))


def make_run(
    golden_set: GoldenSet,
    *evaluators: Evaluator,
    variants: Iterable[str] = ("small", "large"),
    **fields: Any,
) -> EvalRun:
    """A run that waits for a worker; variants are named as their routes."""
    choices = [VariantChoice(name=one, model=one) for one in variants]
    version = newest_version(golden_set)
    return start_run(version=version, name="Nightly", variants=choices, evaluators=evaluators, **fields)


def finished_run(
    golden_set: GoldenSet, scores: Mapping[str, Sequence[float | None]], *, evaluator: str = "quality"
) -> EvalRun:
    """A run that has ended, with these scores by variant, one for each item; no model was asked."""

    tenant, version = golden_set.tenant, newest_version(golden_set)
    rows = list(version.rows.filter(tenant=tenant))
    run = EvalRun.objects.create(
        tenant=tenant, version=version, name="Past", requested_by="ann", total=len(rows), done=len(rows), state="done",
        evaluators=[{"name": evaluator, "kind": "exact", "options": {}}], ended_at=timezone.now(),
        started_at=timezone.now(),
    )  # fmt: skip
    items = RunItem.objects.bulk_create(
        RunItem(tenant=tenant, run=run, item=row, position=at, state="done") for at, row in enumerate(rows)
    )
    for place, (name, values) in enumerate(scores.items()):
        variant = Variant.objects.create(tenant=tenant, run=run, position=place, name=name, model=name)
        results = ItemResult.objects.bulk_create(
            ItemResult(
                tenant=tenant, run=run, run_item=item, variant=variant, answer=f"{name} says {item.item.input}",
                cost_nanousd=1_000, latency_ms=200.0, input_tokens=10, output_tokens=20, model=name,
            )
            for item in items
        )  # fmt: skip
        Score.objects.bulk_create(
            Score(tenant=tenant, result=result, evaluator=evaluator, value=value)
            for result, value in zip(results, values, strict=True)
        )
    run.summary = summary_of(run)
    run.save()
    return run
