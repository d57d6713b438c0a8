"""A row of every kind of evaluations, for the walk over all addresses."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from contracts.prompt_sums import DIMENSIONS, PromptSum
from evaluation.drift.services import create_monitor
from evaluation.live.prompts import add_prompts
from evaluation.live.services import create_live_evaluation
from evaluation.live.taking import note_losses
from evaluation.models import DriftCheck, DriftFinding, Gate, GoldenUpload, ItemResult, JudgeAnswer, Label
from tenants.changes import save_row
from tenants.models import Tenant, User
from tests.evaluation.golden_rows import finished_run, make_evaluator, make_set
from tests.evaluation.live.live_calls import plant_score


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
    polite = make_evaluator(tenant, "toxicity", f"{marker} polite")
    live = create_live_evaluation(tenant=tenant, name=f"{marker} live", evaluators=[polite], routes=[f"{marker}-route"])
    plant_score(live, evaluator=polite.name, run_id=f"req_{marker.replace('-', '_')}", question=marker, answer=marker)
    note_losses(tenant.pk, {"full": 1})
    zeros = bytes(4 * DIMENSIONS)
    add_prompts(tenant_id=tenant.pk, sums=[PromptSum(int(timezone.now().timestamp()) // 60 * 60, marker, 9, zeros)])
    _plant_drift(tenant, marker)


def _plant_drift(tenant: Tenant, marker: str) -> None:
    monitor = create_monitor(
        tenant=tenant, name=f"{marker} drift", signals=["finish"], segment_by="tag", segment_tag=f"{marker}-tag"
    )
    now = timezone.now()
    check = DriftCheck.objects.create(
        tenant=tenant,
        monitor=monitor,
        window_start=now - timedelta(days=1),
        window_end=now,
        outcome="drifted",
        tests=1,
        drifted=1,
    )
    DriftFinding.objects.create(
        tenant=tenant,
        check_row=check,
        signal="finish",
        segment=f"{marker} value",
        test="chi_square",
        statistic=0.5,
        effect=0.5,
        least=0.05,
        p=0.001,
        q=0.001,
        drifted=True,
        lasting=2,
        figures={"label": marker, "share": [0.1, 0.6]},
        examples=[{"id": marker, "score": 1.0, "value": marker}],
    )
