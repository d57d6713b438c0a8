"""Calls whose answers are kept and whose ends may not be told: their worker died in between.

See :mod:`gateway.kept_ends` for why a kept answer has its call's end with it.
"""

from __future__ import annotations

from evaluation.models import EvalRun, ItemResult, JudgeAnswer, RunItem
from gateway.kept_ends import unpacked
from tenants.emitting import emit


def tell_again(packed: bytes) -> None:
    """Emit the end of a call, which may have been emitted before."""
    end = unpacked(packed)
    emit(end.payload, end.context)


def ends_told_again(run: EvalRun) -> int:
    """Tell the ends that another worker may not have told; how many. Call it where nobody else works on the run."""
    answers = ItemResult.objects.for_tenant(run.tenant_id).filter(run=run, end__isnull=False)
    said = JudgeAnswer.objects.for_tenant(run.tenant_id).filter(result__run=run, end__isnull=False)
    told = 0
    for rows in (answers, said):
        for row in rows.only("pk", "end"):
            tell_again(bytes(row.end))
            told += 1
        rows.update(end=None)
    return told


def ends_are_told(row: RunItem) -> None:
    """The gateway has told of all calls about the item."""
    ItemResult.objects.for_tenant(row.tenant_id).filter(run_item=row).update(end=None)
    JudgeAnswer.objects.for_tenant(row.tenant_id).filter(result__run_item=row).update(end=None)
