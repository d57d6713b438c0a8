"""The demo's evaluations: a golden set, a run that compared two models on it, a gate, and labels that are asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Final

from contracts.tenant_scope import across_tenants
from controlplane.demo.configuration import Made, MadeTenant
from controlplane.demo.conversations import talk, talk_number
from controlplane.demo.past import Past
from evaluation.engine.golden_files import Item
from evaluation.evaluators import create_evaluator
from evaluation.gates import create_gate
from evaluation.golden_sets import create_golden_set, freeze, items_of, newest_version, put_items
from evaluation.models import EvalRun, GoldenSet, ItemResult, RunItem, Score, Variant
from evaluation.reviews import ask_for_labels
from evaluation.scoring import evaluators_of, example_of, scores_of
from evaluation.summaries import summary_of

CALLS: Final = 400
"""Numbers of calls whose conversations are the items, each once."""
LABELS: Final = 6
_WORDINGS: Final = ("{}", "Hello, {}", "{} Thanks!", "Quick question: {}", "A customer asks: {}", "Please help: {}")
"""Of each question, for as many items as a set needs before it tells anything."""
_NAME: Final = "What customers ask"
_EVALUATORS: Final = (("Groundedness", "groundedness"), ("Near in meaning", "similarity"), ("Answers", "refusal"))
_VARIANTS: Final = (("large model, today", 900.0, 210_000), ("small model, shorter", 320.0, 24_000))
"""Name, latency in ms and cost in nano-dollars of an answer."""


def build_evaluations(made: Made, past: Past, until: datetime) -> None:
    """Of the first tenant that stores prompts: others begin with empty pages."""
    tenant = next((one for one in made.tenants if one.plan.payload_storage != "none"), None)
    if tenant is None:
        return
    developer = tenant.people["developer"][0].username
    with past.at(until - timedelta(days=2), developer), across_tenants("the demo makes rows of its tenants"):
        golden_set = _golden_set(tenant)
    with past.at(until - timedelta(hours=5), developer), across_tenants("the demo makes rows of its tenants"):
        run = _run(golden_set, developer, until - timedelta(hours=5))
        create_gate(golden_set=golden_set, name="groundedness-holds", evaluator="Groundedness")
        ask_for_labels(run=run, items=LABELS, seed=1)


def _golden_set(tenant: MadeTenant) -> GoldenSet:
    golden_set = create_golden_set(
        tenant=tenant.row, name=_NAME, description="Collected from requests of the last months."
    )
    topic = tenant.plan.topic
    talks = dict(talk(topic, talk_number(topic, number)) for number in range(CALLS))
    items = [
        Item(
            key=f"case-{number:03}",
            input=wording.format(asked),
            expected=answered,
            context=[answered],
            tags=["short" if len(asked) < 80 else "long"],
            split="test",
        )
        for number, (wording, (asked, answered)) in enumerate(product(_WORDINGS, talks.items()), start=1)
    ]
    put_items(golden_set=golden_set, items=items, source="upload")
    for name, kind in _EVALUATORS:
        create_evaluator(tenant=tenant.row, name=name, kind=kind)
    return golden_set


def _run(golden_set: GoldenSet, author: str, at: datetime) -> EvalRun:
    version = freeze(newest_version(golden_set))
    rows = list(items_of(version))
    run: EvalRun = EvalRun.objects.create(
        tenant=golden_set.tenant,
        version=version,
        name="Is the small model good enough?",
        evaluators=[{"name": name, "kind": kind, "options": {}} for name, kind in _EVALUATORS],
        total=len(rows),
        done=len(rows),
        state=EvalRun.State.DONE,
        requested_by=author,
        requested_at=at,
        started_at=at,
        ended_at=at + timedelta(seconds=40),
    )
    items = RunItem.objects.bulk_create(
        RunItem(tenant=run.tenant, run=run, item=row, position=place, state=RunItem.State.DONE)
        for place, row in enumerate(rows)
    )
    for place, (name, latency, cost) in enumerate(_VARIANTS):
        route = {"tenant": run.tenant, "run": run, "position": place, "name": name, "model": "chat"}
        _answered(run, Variant.objects.create(**route), items, latency, cost)
    run.spent_nanousd = sum(cost for _, _, cost in _VARIANTS) * len(rows)
    run.summary = summary_of(run)
    run.save()
    return run


def _answered(run: EvalRun, variant: Variant, items: Sequence[RunItem], latency: float, cost: int) -> None:
    chance, evaluators = random.Random(variant.position), evaluators_of(run.evaluators)
    for row in items:
        expected = row.item.expected
        # The second variant says less, and now and then what nobody told it.
        told = expected if variant.position == 0 else expected.split(". ")[0]
        if variant.position and chance.random() < 0.3:
            told += " Our branch in Lisbon opens at seven on Sundays."
        result = ItemResult.objects.create(
            tenant=run.tenant,
            run=run,
            run_item=row,
            variant=variant,
            answer=told,
            model=variant.model,
            cost_nanousd=cost,
            latency_ms=latency * chance.uniform(0.7, 1.4),
            input_tokens=60 + len(row.item.input) // 4,
            output_tokens=1 + len(told) // 4,
            answered_at=run.requested_at,
        )
        Score.objects.bulk_create(scores_of(evaluators, example_of(row.item), result, None, {}))
