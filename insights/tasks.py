"""What happens by the clock in this app."""

from __future__ import annotations

from typing import Any, Final

from celery import Celery, current_app, shared_task

from tenants.actor import acting_as

KEEP_EVERY_S: Final = 3600.0


@shared_task(name="insights.keep_days")  # type: ignore[untyped-decorator]
def keep() -> int:
    """Work out days of calls that are over; how many were."""
    from insights.days import keep_days

    with acting_as("insights.keep_days"):
        return keep_days()


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(KEEP_EVERY_S, keep.s(), name="Keep days of calls", expires=KEEP_EVERY_S)
