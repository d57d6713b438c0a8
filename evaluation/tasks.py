"""What this app does in the background."""

from __future__ import annotations

import uuid
from typing import Any, Final

from celery import Celery, current_app, shared_task

from evaluation.leases import abandoned

SLICE_S: Final = 60.0
"""A run gives its worker back after this long, so that other tasks have their turn."""
LOOK_AFTER_EVERY_S: Final = 15.0


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


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(LOOK_AFTER_EVERY_S, look_after_runs.s(), name="Look after evaluation runs")
