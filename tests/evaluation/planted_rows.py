"""A row of every kind of evaluations, for the walk over all addresses."""

from __future__ import annotations

from evaluation.models import Gate, GoldenUpload, ItemResult, JudgeAnswer, Label
from tenants.changes import save_row
from tenants.models import Tenant, User
from tests.evaluation.golden_rows import finished_run, make_evaluator, make_set


def plant_evaluation(tenant: Tenant, marker: str, member: User) -> None:
    """All of them with the marker in every text."""
    golden_set = make_set(tenant, f"{marker} question", name=f"{marker} set")
    finished_run(golden_set, {f"{marker} variant": [1.0]}, evaluator=f"{marker} evaluator")
    make_evaluator(tenant, "exact", f"{marker} evaluator")
    save_row(Gate(tenant=tenant, golden_set=golden_set, name=f"{marker} gate", evaluator=f"{marker} evaluator"))
    GoldenUpload.objects.create(
        tenant=tenant, golden_set=golden_set, file_name=f"{marker}.csv", items=[{"input": marker}], uploaded_by=marker
    )
    result = ItemResult.objects.for_tenant(tenant).get()
    said = {"evaluator": f"{marker} evaluator", "slot": "rubric", "text": marker, "correlation_id": marker}
    JudgeAnswer.objects.create(tenant=tenant, result=result, **said)
    Label.objects.create(tenant=tenant, result=result, reviewer=member, verdict="good", comment=marker)
