"""What happens by the clock in this app."""

from __future__ import annotations

import uuid
from typing import Any, Final

from celery import Celery, current_app, shared_task

from tenants.actor import acting_as

FOLLOW_EVERY_S: Final = 60.0
DELIVER_EVERY_S: Final = 30.0


@shared_task(name="reports.make_scheduled")  # type: ignore[untyped-decorator]
def make_scheduled(schedule_id: str) -> bool:
    """Begin the report that is due; whether there was one."""
    from reports.making import begin_due

    with acting_as("reports.make_scheduled"):
        return begin_due(uuid.UUID(schedule_id)) is not None


@shared_task(name="reports.make_report")  # type: ignore[untyped-decorator]
def make_report(report_id: str) -> bool:
    """Read what the report says; whether it is made now."""
    # Percentiles and objectives take numpy, which web workers do without.
    from reports.making import make

    with acting_as("reports.make_report"):
        return make(uuid.UUID(report_id))


@shared_task(name="reports.follow")  # type: ignore[untyped-decorator]
def follow() -> int:
    """Make up for what beat has missed, and have reports made that nobody is making; how many were begun."""
    from reports.making import make_up, waiting

    with acting_as("reports.follow"):
        begun = make_up()
        for report_id in waiting():
            make_report.delay(str(report_id))
    return begun


@shared_task(name="reports.deliver")  # type: ignore[untyped-decorator]
def deliver() -> int:
    """Send what is due; how many messages were taken."""
    # Charts take matplotlib.
    from reports.sending import deliver_due

    with acting_as("reports.deliver"):
        return deliver_due()


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    # One that waited longer than a round has a successor by then.
    sender.add_periodic_task(FOLLOW_EVERY_S, follow.s(), name="Make up for missed reports", expires=FOLLOW_EVERY_S)
    sender.add_periodic_task(DELIVER_EVERY_S, deliver.s(), name="Send reports", expires=DELIVER_EVERY_S)
