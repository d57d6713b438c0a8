"""What happens when schedules are due: a run is started once for each time, and held to its gate once it has ended."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contracts.events import EvalScheduleDue, EventContext
from contracts.tenant_scope import across_tenants
from evaluation.gates import check_gate
from evaluation.golden_sets import newest_version
from evaluation.models import EvalRun, Evaluator, Variant
from evaluation.runs import VariantChoice, start_run
from evaluation.schedules.rows import RunSchedule, ScheduledRun
from evaluation.schedules.services import ScheduledVariant
from guardrails.models import Policy
from tenants.actor import acting_as
from tenants.emitting import emit
from tenants.scheduled import keep_in_step, out_of_step

logger = logging.getLogger(__name__)

ENDED = (EvalRun.State.DONE, EvalRun.State.FAILED, EvalRun.State.STOPPED)
UNDER_WAY = (EvalRun.State.WAITING, EvalRun.State.RUNNING)


def run_due(schedule_id: uuid.UUID, *, now: datetime | None = None) -> ScheduledRun | None:
    """Start what the schedule is due for; None where that is nothing, or somebody else did it.

    What cannot be started is written down with the reason, and not tried again.
    """
    with transaction.atomic():
        with across_tenants("the schedule that beat names"):
            row = (
                RunSchedule.objects.select_for_update(of=("self",))
                .select_related("tenant", "golden_set", "version__golden_set", "gate")
                .filter(pk=schedule_id)
                .first()
            )
        slot = None if row is None else row.due(now or timezone.now())
        if row is None or slot is None:
            return None
        row.take(slot)
        time = _take(row, slot)
    return time


@transaction.atomic
def run_now(*, schedule: RunSchedule) -> ScheduledRun:
    """Start it at once, for the person who asks; when it is due next stays as it is.

    Raises:
        ValidationError: it cannot be started; the message says why.
    """
    rows = RunSchedule.objects.for_tenant(schedule.tenant_id).select_for_update(of=("self",))
    row = rows.select_related("tenant", "golden_set", "version__golden_set", "gate").get(pk=schedule.pk)
    time = _take(row, timezone.now())
    if time.error:
        raise ValidationError(time.error)
    return time


def make_up(*, now: datetime | None = None) -> int:
    """Start what beat has missed, and have beat know of all schedules as they are; how many were due."""
    for row in out_of_step(RunSchedule.objects.all()):
        keep_in_step(row, anew=False)
    moment = now or timezone.now()
    with across_tenants("schedules of all tenants that are due"):
        due = list(RunSchedule.objects.filter(enabled=True, next_at__lte=moment).values_list("pk", flat=True))
    return sum(run_due(pk, now=moment) is not None for pk in due)


def compare_ended() -> int:
    """Hold runs that have ended to their schedules' gates, against the run before; how many had an outcome."""
    with across_tenants("scheduled runs of all tenants that nobody compared yet"):
        waiting = list(
            ScheduledRun.objects.filter(compared_at=None, run__state__in=ENDED).values_list("tenant_id", "pk")
        )
        # A run that was deleted has nothing to be compared.
        ScheduledRun.objects.filter(compared_at=None, run=None).update(compared_at=timezone.now())
    return sum(_compare(tenant_id, pk) for tenant_id, pk in waiting)


def _take(row: RunSchedule, slot: datetime) -> ScheduledRun:
    time = ScheduledRun.objects.create(tenant=row.tenant, schedule=row, slot=slot)
    try:
        with transaction.atomic(), acting_as(f"schedule {row.name}"):
            time.run = _started(row, time)
    except ValidationError as refusal:
        time.error = " ".join(refusal.messages)[:300]
    if time.run is None or row.gate is None:
        time.compared_at = timezone.now()
    time.save()
    _told(row, time)
    return time


def _started(row: RunSchedule, time: ScheduledRun) -> EvalRun:
    before = ScheduledRun.objects.filter(tenant=row.tenant, schedule=row, run__state__in=UNDER_WAY)
    if before.exists():
        raise ValidationError("The run before is still under way.")
    evaluators = list(Evaluator.objects.for_tenant(row.tenant).filter(pk__in=row.evaluators))
    if len(evaluators) < len(row.evaluators):
        raise ValidationError("An evaluator of this schedule was deleted.")
    return start_run(
        version=row.version or newest_version(row.golden_set),
        name=f"{row.name}, {time.slot.astimezone(row.zone):%-d %b %H:%M}"[:100],
        variants=[_choice(row, plain) for plain in row.variants],
        evaluators=evaluators,
        split=row.split,
        concurrency=row.concurrency,
        max_output_tokens=row.max_output_tokens,
        budget_nanousd=row.budget_nanousd,
        judge_budget_nanousd=row.judge_budget_nanousd,
    )


def _choice(row: RunSchedule, plain: object) -> VariantChoice:
    kept = msgspec.convert(plain, ScheduledVariant)
    policy = None
    if kept.policy:
        with across_tenants("policies of the platform may be named as well"):
            policy = Policy.objects.filter(pk=kept.policy, tenant__in=[row.tenant_id]).first()
            policy = policy or Policy.objects.filter(pk=kept.policy, tenant=None).first()
        if policy is None:
            raise ValidationError(f"{kept.name}: its policy was deleted.")
    return VariantChoice(
        name=kept.name,
        model=kept.model,
        system_prompt=kept.system_prompt,
        template=kept.template,
        policy=policy,
        policy_version=kept.policy_version,
    )


@transaction.atomic
def _compare(tenant_id: uuid.UUID, pk: uuid.UUID) -> bool:
    rows = ScheduledRun.objects.for_tenant(tenant_id).select_related("schedule__gate", "run__version")
    time: ScheduledRun | None = rows.select_for_update(of=("self",)).filter(pk=pk, compared_at=None).first()
    if time is None:
        return False
    try:
        time.gate_outcome = _outcome(time)
    except ValidationError as refusal:
        time.gate_note = " ".join(refusal.messages)[:300]
    time.compared_at = timezone.now()
    time.save(update_fields=["gate_outcome", "gate_note", "compared_at"])
    return time.gate_outcome is not None


def _outcome(time: ScheduledRun) -> dict[str, object]:
    """Of the first variant, which is what is live, against itself in the last run before that is done."""
    gate = time.schedule.gate
    if gate is None:
        raise ValidationError("The gate was deleted.")
    before = (
        ScheduledRun.objects.for_tenant(time.tenant_id)
        .filter(schedule=time.schedule, slot__lt=time.slot, run__state=EvalRun.State.DONE)
        .first()
    )
    if before is None:
        raise ValidationError("There is no run before that is done.")
    with acting_as(f"schedule {time.schedule.name}"):
        found = check_gate(gate=gate, candidate=_first(time), baseline=_first(before))
    plain: dict[str, object] = msgspec.to_builtins(found)
    return plain


def _first(time: ScheduledRun) -> Variant:
    rows = Variant.objects.for_tenant(time.tenant_id).select_related("run__version").filter(run=time.run_id)
    found: Variant = rows.order_by("position")[0]
    return found


def _told(row: RunSchedule, time: ScheduledRun) -> None:
    event = EvalScheduleDue(
        schedule_id=str(row.pk),
        name=row.name,
        due_at=time.slot.isoformat(),
        run_id=str(time.run_id or ""),
        error=time.error,
    )
    transaction.on_commit(lambda: emit(event, EventContext(tenant_id=str(row.tenant_id))), robust=True)
    if time.error:
        logger.warning("the schedule %s started no run: %s", row.pk, time.error)
