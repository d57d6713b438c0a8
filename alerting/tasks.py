"""What happens by the clock in this app."""

from __future__ import annotations

from typing import Any, Final

from celery import Celery, current_app, shared_task

from tenants.actor import acting_as

CHECK_EVERY_S: Final = 30.0
DELIVER_EVERY_S: Final = 15.0
EXPLAIN_EVERY_S: Final = 60.0


@shared_task(name="alerting.check")  # type: ignore[untyped-decorator]
def check() -> int:
    """Look at every rule up to the last whole minute; how many began to fire."""
    # Numbers by the thousand take numpy, which web workers do without.
    from alerting.checking import check_all

    with acting_as("alerting.check"):
        return check_all().fired


@shared_task(name="alerting.deliver")  # type: ignore[untyped-decorator]
def deliver() -> int:
    """Send what is due; how many messages were taken."""
    from alerting.sending import deliver_due

    with acting_as("alerting.deliver"):
        return deliver_due()


@shared_task(name="alerting.explain")  # type: ignore[untyped-decorator]
def explain() -> int:
    """Work out why incidents happened, and have summaries written; how many incidents were looked at."""
    from alerting.causes.explaining import explain_due
    from alerting.causes.writing import write_due

    with acting_as("alerting.explain"):
        done = explain_due()
        write_due()
        return done


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    # One that waited longer than a round has a successor by then.
    sender.add_periodic_task(CHECK_EVERY_S, check.s(), name="Check alert rules", expires=CHECK_EVERY_S)
    sender.add_periodic_task(DELIVER_EVERY_S, deliver.s(), name="Tell of incidents", expires=DELIVER_EVERY_S)
    sender.add_periodic_task(EXPLAIN_EVERY_S, explain.s(), name="Explain incidents", expires=EXPLAIN_EVERY_S)
