"""What this app does in the background."""

from __future__ import annotations

import uuid
from typing import Any, Final

from celery import Celery, current_app, shared_task

from evaluation.leases import abandoned
from tenants.actor import acting_as

SLICE_S: Final = 60.0
"""A run gives its worker back after this long, so that other tasks have their turn."""
LOOK_AFTER_EVERY_S: Final = 15.0
LOOK_FOR_LIVE_EVERY_S: Final = 10.0
FOLLOW_SCHEDULES_EVERY_S: Final = 60.0
LOOK_FOR_DRIFT_EVERY_S: Final = 60.0
DROP_LOOKS_EVERY_S: Final = 3_600.0


@shared_task(name="evaluation.work_on_run")  # type: ignore[untyped-decorator]
def work_on_run(run_id: str) -> None:
    """Work on a run for a while, and leave the rest to the next task."""
    from evaluation.working import work

    if work(uuid.UUID(run_id), for_s=SLICE_S):
        work_on_run.delay(run_id)


@shared_task(name="evaluation.look_after_runs")  # type: ignore[untyped-decorator]
def look_after_runs() -> int:
    """Have somebody go on with runs whose worker died; returns how many there are."""
    runs = abandoned()
    for run_id in runs:
        work_on_run.delay(str(run_id))
    return len(runs)


@shared_task(name="evaluation.run_scheduled")  # type: ignore[untyped-decorator]
def run_scheduled(schedule_id: str) -> bool:
    """Start what the schedule is due for; whether that was anything."""
    from evaluation.schedules.running import run_due

    return run_due(uuid.UUID(schedule_id)) is not None


@shared_task(name="evaluation.follow_schedules")  # type: ignore[untyped-decorator]
def follow_schedules() -> int:
    """Make up for what beat has missed, and hold runs that have ended to gates; how many were due."""
    from evaluation.schedules.running import compare_ended, make_up

    with acting_as("evaluation.follow_schedules"):
        compare_ended()
        return make_up()


@shared_task(name="evaluation.look_for_live_calls")  # type: ignore[untyped-decorator]
def look_for_live_calls() -> int:
    """Have the sampled calls of each tenant scored; returns how many tenants have some."""
    from evaluation.live.taking import tenants_waiting

    waiting = tenants_waiting()
    for tenant_id in waiting:
        score_live_calls.apply_async((tenant_id,), expires=SLICE_S)
    return len(waiting)


@shared_task(name="evaluation.score_live_calls")  # type: ignore[untyped-decorator]
def score_live_calls(tenant_id: str) -> int:
    """Score a tenant's sampled calls for a while; returns how many."""
    from evaluation.live.taking import score_calls

    return score_calls(uuid.UUID(tenant_id), for_s=SLICE_S)


@shared_task(name="evaluation.look_for_drift")  # type: ignore[untyped-decorator]
def look_for_drift() -> int:
    """Have drift monitors look that are due; how many did."""
    from evaluation.drift.keeping import look_at_due

    with acting_as("evaluation.look_for_drift"):
        return look_at_due()


@shared_task(name="evaluation.drop_old_looks")  # type: ignore[untyped-decorator]
def drop_old_looks() -> int:
    """Delete looks of drift monitors that are past their time; how many."""
    from evaluation.drift.keeping import drop_old

    with acting_as("evaluation.drop_old_looks"):
        return drop_old()


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(LOOK_AFTER_EVERY_S, look_after_runs.s(), name="Look after evaluation runs")
    sender.add_periodic_task(
        LOOK_FOR_LIVE_EVERY_S,
        look_for_live_calls.s(),
        name="Look for live calls to score",
        expires=LOOK_FOR_LIVE_EVERY_S,
    )
    sender.add_periodic_task(
        FOLLOW_SCHEDULES_EVERY_S,
        follow_schedules.s(),
        name="Make up for missed evaluation runs",
        expires=FOLLOW_SCHEDULES_EVERY_S,
    )
    sender.add_periodic_task(
        LOOK_FOR_DRIFT_EVERY_S, look_for_drift.s(), name="Look for drift", expires=LOOK_FOR_DRIFT_EVERY_S
    )
    sender.add_periodic_task(DROP_LOOKS_EVERY_S, drop_old_looks.s(), name="Delete old looks of drift monitors")
