"""What happens by the clock in this app."""

from __future__ import annotations

from typing import Any, Final

from celery import Celery, current_app, shared_task

from tenants.actor import acting_as

KEEP_EVERY_S: Final = 300.0


@shared_task(name="insights.keep_days")  # type: ignore[untyped-decorator]
def keep_calls() -> int:
    """Count what calls came to, and keep it; how many stretches."""
    from insights import keeping

    with acting_as("insights.keep_days"):
        return keeping.keep_calls()


@shared_task(name="insights.keep_savings")  # type: ignore[untyped-decorator]
def keep_savings() -> int:
    """Work out what tenants spent in vain and could save, for the list of all; of how many."""
    from insights import keeping

    with acting_as("insights.keep_savings"):
        return keeping.keep_savings()


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(KEEP_EVERY_S, keep_calls.s(), name="Keep days of calls", expires=KEEP_EVERY_S)
    sender.add_periodic_task(KEEP_EVERY_S, keep_savings.s(), name="Keep savings of tenants", expires=KEEP_EVERY_S)
