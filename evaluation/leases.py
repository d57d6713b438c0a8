"""Who works on what: one worker on a run, and its items until a deadline that the worker keeps moving.

A worker that is killed moves no deadline: after :data:`LOST_AFTER` another takes over its run and its items.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun, RunItem

LOST_AFTER: Final = timedelta(seconds=45)
BEAT_EVERY_S: Final = 5.0
State = EvalRun.State
_UNDER_WAY: Final = (State.WAITING, State.RUNNING)


class LeaseLost(RuntimeError):
    """Another worker has taken over what this one was working on."""


@across_tenants("a task knows its run by the id alone")
def claimed(run_id: uuid.UUID, worker: str) -> EvalRun | None:
    """The run, to be worked on by this worker alone; None where another does, or it has ended."""
    now = timezone.now()
    free = Q(worker="") | Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - LOST_AFTER)
    taken = EvalRun.objects.filter(free, pk=run_id, state__in=_UNDER_WAY, ended_at=None).update(
        worker=worker, heartbeat_at=now, state=State.RUNNING, started_at=Coalesce("started_at", now)
    )
    if not taken:
        return None
    found: EvalRun = EvalRun.objects.select_related("tenant", "version__golden_set").get(pk=run_id)
    return found


@across_tenants("runs of all tenants are looked after together")
def abandoned() -> list[uuid.UUID]:
    """Runs that nobody works on although they have not ended."""
    lost = Q(heartbeat_at=None) | Q(heartbeat_at__lt=timezone.now() - LOST_AFTER)
    # Those that were just asked for have a task of their own on its way.
    late = timezone.now() - LOST_AFTER
    rows = EvalRun.objects.filter(lost, state__in=_UNDER_WAY, ended_at=None, requested_at__lt=late)
    return list(rows.values_list("pk", flat=True))


def beaten(run: EvalRun, worker: str) -> EvalRun:
    """Say that the worker lives, move the deadlines of its items, and read what people want of the run.

    Raises:
        LeaseLost: another worker has the run.
    """
    now = timezone.now()
    with transaction.atomic():
        mine = EvalRun.objects.for_tenant(run.tenant_id).filter(pk=run.pk, worker=worker)
        if not mine.update(heartbeat_at=now):
            raise LeaseLost
        items = RunItem.objects.for_tenant(run.tenant_id).filter(run=run, lease=worker, state=RunItem.State.LEASED)
        items.update(leased_until=now + LOST_AFTER)
        run.refresh_from_db(fields=["stop_requested", "spent_nanousd", "judge_spent_nanousd", "done", "failed"])
    return run


@transaction.atomic
def leased(run: EvalRun, worker: str, most: int) -> list[RunItem]:
    """The next items that nobody has, or whose worker let its deadline pass."""
    now = timezone.now()
    waiting = Q(state=RunItem.State.WAITING) | Q(state=RunItem.State.LEASED, leased_until__lt=now)
    rows = list(
        RunItem.objects.for_tenant(run.tenant_id)
        .filter(waiting, run=run)
        .exclude(state=RunItem.State.DONE)
        .select_related("item")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("position")[:most]
    )
    mine = RunItem.objects.for_tenant(run.tenant_id).filter(pk__in=[row.pk for row in rows])
    mine.update(state=RunItem.State.LEASED, lease=worker, leased_until=now + LOST_AFTER)
    return rows


def held(row: RunItem, worker: str) -> None:
    """Lock the item for the rest of the transaction.

    Raises:
        LeaseLost: another worker has it by now.
    """
    rows = RunItem.objects.for_tenant(row.tenant_id).filter(pk=row.pk, lease=worker, state=RunItem.State.LEASED)
    if not rows.select_for_update().exists():
        raise LeaseLost


def given_back(run: EvalRun, worker: str) -> None:
    """Let others have the run and its items at once."""
    items = RunItem.objects.for_tenant(run.tenant_id).filter(run=run, lease=worker, state=RunItem.State.LEASED)
    items.update(state=RunItem.State.WAITING, lease="", leased_until=None)
    mine = EvalRun.objects.for_tenant(run.tenant_id).filter(pk=run.pk, worker=worker)
    mine.update(worker="", heartbeat_at=None)


def spent(run: EvalRun, *, answers: int = 0, judges: int = 0) -> None:
    """Count what a call of the run cost, in the transaction that writes its answer down."""
    EvalRun.objects.for_tenant(run.tenant_id).filter(pk=run.pk).update(
        spent_nanousd=F("spent_nanousd") + answers, judge_spent_nanousd=F("judge_spent_nanousd") + judges
    )
    run.spent_nanousd += answers
    run.judge_spent_nanousd += judges
