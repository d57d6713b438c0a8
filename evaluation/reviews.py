"""People's labels of answers: what is still to be looked at, how far people agree, and how far judges do with them."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from contracts.events import EvalItemLabelled, EventContext
from evaluation.models import EvalRun, ItemResult, Label, RunItem, Score
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.emitting import emit
from tenants.models import User

MOST_ASKED: Final = 1_000
VERDICTS: Final = tuple(Label.VALUES)


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How an evaluator's scores go with what people said, where both did."""

    evaluator: str
    n: int
    agreement: float
    """Share of answers that both put in the same third."""
    kappa: float | None
    """Beyond chance, near misses counting half; None where it cannot be told."""
    confusion: list[list[int]]
    """Rows: people; columns: the evaluator; both in the order good, fair, bad."""


@transaction.atomic
def ask_for_labels(*, run: EvalRun, items: int, seed: int = 0) -> int:
    """Put so many of the run's items, drawn by chance, into the review queue; gives how many there are in it.

    Raises:
        ValidationError: the run has not ended.
    """
    if run.ended_at is None:
        raise ValidationError("Ask for labels once the run has ended.")
    rows = RunItem.objects.for_tenant(run.tenant_id).filter(run=run, state=RunItem.State.DONE)
    keys = list(rows.filter(needs_label=False).order_by("position").values_list("pk", flat=True))
    chosen = random.Random(seed or run.pk.int).sample(keys, min(items, MOST_ASKED, len(keys)))
    rows.filter(pk__in=chosen).update(needs_label=True)
    note(
        AuditEntry.Action.UPDATED,
        object_type=run.work_type,
        object_id=str(run.pk),
        object_name=run.name,
        tenant_id=run.tenant_id,
        details={"asked_for_labels": len(chosen)},
    )
    return rows.filter(needs_label=True).count()


@transaction.atomic
def label_result(*, result: ItemResult, reviewer: User, verdict: str, comment: str = "") -> Label:
    """Take down what somebody thinks of an answer; said again, the last word counts.

    Raises:
        ValidationError: there is no such verdict, or no answer.
    """
    if verdict not in VERDICTS:
        raise ValidationError(f"A verdict is one of {', '.join(VERDICTS)}.")
    if result.error:
        raise ValidationError("There is no answer to judge.")
    row, _ = Label.objects.for_tenant(result.tenant_id).update_or_create(
        result=result,
        reviewer=reviewer,
        tenant_id=result.tenant_id,
        defaults={"verdict": verdict, "comment": comment.strip()[:300]},
    )
    note(
        AuditEntry.Action.UPDATED,
        object_type="evallabel",
        object_id=str(row.pk),
        object_name=verdict,
        tenant_id=result.tenant_id,
        details={"result": str(result.pk), "verdict": verdict},
    )
    event = EvalItemLabelled(
        run_id=str(result.run_id), result_id=str(result.pk), verdict=verdict, actor=current_actor().name
    )
    context = EventContext(tenant_id=str(result.tenant_id), correlation_id=result.correlation_id)
    transaction.on_commit(lambda: emit(event, context), robust=True)
    made: Label = row
    return made


def next_result(run: EvalRun, reviewer: User) -> ItemResult | None:
    """The next answer in the queue that this person has not judged; without names of variants it is judged blind."""
    found: ItemResult | None = (
        ItemResult.objects.for_tenant(run.tenant_id)
        .filter(run=run, run_item__needs_label=True, error="")
        .exclude(labels__reviewer=reviewer)
        .select_related("run_item__item", "variant")
        # By id, which is by chance among the variants of an item.
        .order_by("run_item__position", "id")
        .first()
    )
    return found


def progress_of(run: EvalRun, reviewer: User) -> tuple[int, int]:
    """How many answers of the queue this person has judged, and how many there are."""
    asked = ItemResult.objects.for_tenant(run.tenant_id).filter(run=run, run_item__needs_label=True, error="")
    return asked.filter(labels__reviewer=reviewer).distinct().count(), asked.count()


def agreement_of(run: EvalRun) -> float | None:
    """Krippendorff's alpha over all who judged answers of the run, labels being ordered; None: it cannot be told."""
    from evaluation.engine.statistics import krippendorff_alpha

    rows = Label.objects.for_tenant(run.tenant_id).filter(result__run=run)
    said = {(person, result): Label.VALUES[verdict] for person, result, verdict in rows.values_list(
        "reviewer_id", "result_id", "verdict"
    )}  # fmt: skip
    results = sorted({result for _, result in said})
    people = sorted({person for person, _ in said})
    if len(people) < 2:
        return None
    return _finite(
        krippendorff_alpha([[said.get((one, result)) for result in results] for one in people], level="ordinal")
    )


def calibrations_of(run: EvalRun) -> list[Calibration]:
    """Of each of the run's evaluators, against the mean of what people said of an answer."""
    from evaluation.engine.statistics import cohens_kappa

    people: dict[Any, list[float]] = {}
    rows = Label.objects.for_tenant(run.tenant_id).filter(result__run=run)
    for result, verdict in rows.values_list("result_id", "verdict"):
        people.setdefault(result, []).append(Label.VALUES[verdict])
    truth = {result: third(sum(values) / len(values)) for result, values in people.items()}
    scores = Score.objects.for_tenant(run.tenant_id).filter(result__in=list(truth), value__isnull=False)
    by_evaluator: dict[str, list[tuple[int, int]]] = {}
    for evaluator, result, value in scores.values_list("evaluator", "result_id", "value"):
        by_evaluator.setdefault(evaluator, []).append((truth[result], third(value)))
    found = []
    for name, pairs in sorted(by_evaluator.items()):
        counts = Counter(pairs)
        kappa = cohens_kappa([a for a, _ in pairs], [b for _, b in pairs], weights="linear")
        found.append(
            Calibration(
                evaluator=name,
                n=len(pairs),
                agreement=sum(a == b for a, b in pairs) / len(pairs),
                kappa=_finite(kappa),
                confusion=[[counts[a, b] for b in range(3)] for a in range(3)],
            )
        )
    return found


def third(value: float) -> int:
    """0: good (from two thirds on), 1: fair, 2: bad (below a third)."""
    return 0 if value >= 2 / 3 else 1 if value >= 1 / 3 else 2


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
